//! Situations in which something warms, cools, grows or sounds.

use super::{Effect, Situation};

/// Soup cools in two vessels.
pub(super) const SOUP: Situation = Situation {
    things: &[
        "the clay mug",
        "the steel cup",
        "the tin pot",
        "the glass jar",
        "the stone bowl",
        "the blue bowl",
        "the white bowl",
        "the copper pan",
        "the wooden bowl",
        "the lunch box",
        "the green flask",
        "the yellow mug",
        "the paper cup",
        "the black kettle",
        "the striped cup",
        "the camping pot",
        "the old teapot",
        "the tall jug",
        "the round dish",
        "the square dish",
    ],
    scenes: [
        "{name} pours hot soup into {a} and into {b}.",
        "{name} fills {a} and {b} with hot soup and waits a while.",
    ],
    cause: ["thicker", "thinner"],
    effects: [
        Effect {
            rule: ["A thicker wall lets out less heat.", "A thinner wall lets out more heat."],
            ask: ["Which one lets out less heat?", "Which one lets out more heat?"],
            says: ["less heat is let out by {x}", "more heat is let out by {x}"],
        },
        Effect {
            rule: ["Soup that loses less heat stays hotter.", "Soup that loses more heat gets cooler."],
            ask: ["Where is the soup hotter?", "Where is the soup cooler?"],
            says: ["the soup is hotter in {x}", "the soup is cooler in {x}"],
        },
        Effect {
            rule: ["Hotter soup gives off more steam.", "Cooler soup gives off less steam."],
            ask: ["Where does the soup give off more steam?", "Where does the soup give off less steam?"],
            says: ["the soup gives off more steam in {x}", "the soup gives off less steam in {x}"],
        },
    ],
};

/// Plants grow in two rooms.
pub(super) const PLANTS: Situation = Situation {
    things: &[
        "the kitchen",
        "the study",
        "the attic",
        "the hallway",
        "the bathroom",
        "the bedroom",
        "the workshop",
        "the library",
        "the office",
        "the classroom",
        "the storeroom",
        "the shed",
        "the conservatory",
        "the lobby",
        "the living room",
        "the dining room",
        "the laundry room",
        "the studio",
        "the canteen",
        "the waiting room",
    ],
    scenes: ["{name} grows the same beans in {a} and in {b}.", "{name} keeps one bean plant in {a} and one in {b}."],
    cause: ["brighter", "darker"],
    effects: [
        Effect {
            rule: ["A plant in a brighter room makes more food.", "A plant in a darker room makes less food."],
            ask: ["Where does the plant make more food?", "Where does the plant make less food?"],
            says: ["the plant makes more food in {x}", "the plant makes less food in {x}"],
        },
        Effect {
            rule: ["A plant with more food grows faster.", "A plant with less food grows more slowly."],
            ask: ["Where does the plant grow faster?", "Where does the plant grow more slowly?"],
            says: ["the plant grows faster in {x}", "the plant grows more slowly in {x}"],
        },
        Effect {
            rule: ["A plant that grows faster gets taller.", "A plant that grows more slowly stays shorter."],
            ask: ["Where is the plant taller after a month?", "Where is the plant shorter after a month?"],
            says: ["the plant is taller after a month in {x}", "the plant is shorter after a month in {x}"],
        },
    ],
};

/// Two sounds are heard.
pub(super) const SOUNDS: Situation = Situation {
    things: &[
        "the bell tower",
        "the fire station",
        "the school band",
        "the train",
        "the dog",
        "the street singer",
        "the alarm clock",
        "the tractor",
        "the drummer",
        "the ice cream van",
        "the rooster",
        "the foghorn",
        "the choir",
        "the chainsaw",
        "the radio",
        "the trumpet player",
        "the helicopter",
        "the lawn mower",
        "the fountain",
        "the piano player",
    ],
    scenes: [
        "{name} stands still and listens to {a} and to {b}, which are equally loud.",
        "From the window {name} hears {a} and {b}, which are equally loud.",
    ],
    cause: ["farther away", "closer"],
    effects: [
        Effect {
            rule: [
                "A sound from farther away loses more energy on its way.",
                "A sound from closer loses less energy on its way.",
            ],
            ask: ["Which sound loses more energy on its way?", "Which sound loses less energy on its way?"],
            says: [
                "the sound that loses more energy on its way comes from {x}",
                "the sound that loses less energy on its way comes from {x}",
            ],
        },
        Effect {
            rule: ["A sound that loses more energy gets quieter.", "A sound that loses less energy stays louder."],
            ask: ["Which one sounds quieter?", "Which one sounds louder?"],
            says: ["the quieter sound comes from {x}", "the louder sound comes from {x}"],
        },
        Effect {
            rule: ["A quieter sound is harder to hear.", "A louder sound is easier to hear."],
            ask: ["Which one is harder to hear?", "Which one is easier to hear?"],
            says: ["{x} is harder to hear", "{x} is easier to hear"],
        },
    ],
};

/// Water is heated on two stoves.
pub(super) const STOVES: Situation = Situation {
    things: &[
        "the left burner",
        "the right burner",
        "the camping stove",
        "the electric plate",
        "the gas ring",
        "the wood stove",
        "the oven top",
        "the old stove",
        "the new stove",
        "the small stove",
        "the large stove",
        "the stove upstairs",
        "the stove downstairs",
        "the garden grill",
        "the ship's stove",
        "the kitchen range",
        "the portable stove",
        "the white stove",
        "the black stove",
        "the campfire",
    ],
    scenes: [
        "{name} puts a pan of water on {a} and an equal pan on {b}.",
        "{name} heats the same amount of water on {a} and on {b}.",
    ],
    cause: ["hotter", "cooler"],
    effects: [
        Effect {
            rule: ["A hotter stove gives the water more heat.", "A cooler stove gives the water less heat."],
            ask: ["Which one gives the water more heat?", "Which one gives the water less heat?"],
            says: ["the water gets more heat on {x}", "the water gets less heat on {x}"],
        },
        Effect {
            rule: ["More heat warms the water faster.", "Less heat warms the water more slowly."],
            ask: ["Where does the water warm up faster?", "Where does the water warm up more slowly?"],
            says: ["the water warms up faster on {x}", "the water warms up more slowly on {x}"],
        },
        Effect {
            rule: ["Water that warms up faster boils sooner.", "Water that warms up more slowly boils later."],
            ask: ["Where does the water boil sooner?", "Where does the water boil later?"],
            says: ["the water boils sooner on {x}", "the water boils later on {x}"],
        },
    ],
};

/// Ice melts under two cloths.
pub(super) const MELTING: Situation = Situation {
    things: &[
        "the wool coat",
        "the rain jacket",
        "the blue blanket",
        "the grey blanket",
        "the ski jacket",
        "the bathrobe",
        "the knitted shawl",
        "the cotton sheet",
        "the long cloak",
        "the hooded sweater",
        "the striped poncho",
        "the denim jacket",
        "the leather coat",
        "the winter cape",
        "the old quilt",
        "the travel rug",
        "the fur coat",
        "the linen jacket",
        "the red scarf",
        "the checked plaid",
    ],
    scenes: [
        "{name} wraps one snowball in {a} and another in {b}.",
        "{name} covers one block of ice with {a} and another with {b}.",
    ],
    cause: ["denser", "looser"],
    effects: [
        Effect {
            rule: ["A denser cloth lets in less warm air.", "A looser cloth lets in more warm air."],
            ask: ["Which one lets in less warm air?", "Which one lets in more warm air?"],
            says: ["less warm air is let in by {x}", "more warm air is let in by {x}"],
        },
        Effect {
            rule: ["Less warm air makes the melting slower.", "More warm air makes the melting faster."],
            ask: ["Where is the melting slower?", "Where is the melting faster?"],
            says: ["the melting is slower under {x}", "the melting is faster under {x}"],
        },
        Effect {
            rule: ["Slower melting leaves less water.", "Faster melting leaves more water."],
            ask: ["Where is there less water after an hour?", "Where is there more water after an hour?"],
            says: ["after an hour there is less water under {x}", "after an hour there is more water under {x}"],
        },
    ],
};
