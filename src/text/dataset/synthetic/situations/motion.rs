//! Situations in which something moves.

use super::{Effect, Situation};

/// A crate slides over two surfaces.
pub(super) const SLIDING: Situation = Situation {
    things: &[
        "the hall floor",
        "the kitchen floor",
        "the porch",
        "the barn floor",
        "the garage floor",
        "the corridor",
        "the garden path",
        "the playground",
        "the driveway",
        "the tennis court",
        "the wooden deck",
        "the stage",
        "the terrace",
        "the market square",
        "the gym floor",
        "the cellar floor",
        "the loading ramp",
        "the bridge",
        "the schoolyard",
        "the workshop floor",
    ],
    scenes: [
        "{name} slides a crate across {a} and then across {b}.",
        "{name} gives a crate the same push on {a} and on {b}.",
    ],
    cause: ["rougher", "smoother"],
    effects: [
        Effect {
            rule: ["A rougher surface has more friction.", "A smoother surface has less friction."],
            ask: ["Where is there more friction?", "Where is there less friction?"],
            says: ["there is more friction on {x}", "there is less friction on {x}"],
        },
        Effect {
            rule: ["More friction makes the crate slower.", "Less friction makes the crate faster."],
            ask: ["Where does the crate slide more slowly?", "Where does the crate slide faster?"],
            says: ["the crate slides more slowly on {x}", "the crate slides faster on {x}"],
        },
        Effect {
            rule: ["A slower crate travels a shorter distance.", "A faster crate travels a longer distance."],
            ask: ["Where does the crate travel a shorter distance?", "Where does the crate travel a longer distance?"],
            says: ["the crate travels a shorter distance on {x}", "the crate travels a longer distance on {x}"],
        },
    ],
};

/// Two things are pushed.
pub(super) const PUSHING: Situation = Situation {
    things: &[
        "the red cart",
        "the blue cart",
        "the green cart",
        "the suitcase",
        "the toolbox",
        "the wooden chest",
        "the trolley",
        "the wardrobe",
        "the barrel",
        "the bookcase",
        "the sledge",
        "the wheelbarrow",
        "the desk",
        "the laundry basket",
        "the armchair",
        "the flower pot",
        "the parcel",
        "the washing machine",
        "the trunk",
        "the stroller",
    ],
    scenes: ["{name} gives {a} and {b} the same push.", "{name} has to move {a} and {b} through the hall."],
    cause: ["heavier", "lighter"],
    effects: [
        Effect {
            rule: ["A heavier thing is harder to move.", "A lighter thing is easier to move."],
            ask: ["Which one is harder to move?", "Which one is easier to move?"],
            says: ["{x} is harder to move", "{x} is easier to move"],
        },
        Effect {
            rule: [
                "A thing that is harder to move speeds up more slowly.",
                "A thing that is easier to move speeds up more quickly.",
            ],
            ask: ["Which one speeds up more slowly?", "Which one speeds up more quickly?"],
            says: ["{x} speeds up more slowly", "{x} speeds up more quickly"],
        },
        Effect {
            rule: [
                "A thing that speeds up more slowly takes longer to reach the door.",
                "A thing that speeds up more quickly takes less time to reach the door.",
            ],
            ask: ["Which one takes longer to reach the door?", "Which one takes less time to reach the door?"],
            says: ["{x} takes longer to reach the door", "{x} takes less time to reach the door"],
        },
    ],
};

/// Two people throw a ball.
pub(super) const THROWING: Situation = Situation {
    things: &[
        "Agnes", "Alan", "Boris", "Clara", "David", "Eva", "Frank", "Gina", "Henry", "Iris", "Jack", "Karen", "Lewis",
        "Maria", "Norman", "Olivia", "Peter", "Ruth", "Simon", "Wendy",
    ],
    scenes: ["{name} watches {a} and {b} throw a ball.", "{name} asks {a} and {b} to throw the same ball."],
    cause: ["stronger", "weaker"],
    effects: [
        Effect {
            rule: ["A stronger person throws with more force.", "A weaker person throws with less force."],
            ask: ["Who throws with more force?", "Who throws with less force?"],
            says: ["{x} throws with more force", "{x} throws with less force"],
        },
        Effect {
            rule: ["A throw with more force makes the ball faster.", "A throw with less force makes the ball slower."],
            ask: ["Who throws the faster ball?", "Who throws the slower ball?"],
            says: ["the faster ball is thrown by {x}", "the slower ball is thrown by {x}"],
        },
        Effect {
            rule: ["A faster ball lands farther away.", "A slower ball lands closer."],
            ask: ["Whose ball lands farther away?", "Whose ball lands closer?"],
            says: ["the ball that lands farther away is thrown by {x}", "the ball that lands closer is thrown by {x}"],
        },
    ],
};

/// A ball rolls down two slopes.
pub(super) const ROLLING: Situation = Situation {
    things: &[
        "the north hill",
        "the south hill",
        "the west hill",
        "the east hill",
        "the meadow slope",
        "the forest track",
        "the vineyard road",
        "the ski slope",
        "the castle hill",
        "the skate ramp",
        "the metal slide",
        "the church hill",
        "the mill road",
        "the quarry slope",
        "the river bank",
        "the school ramp",
        "the chapel road",
        "the old trail",
        "the orchard slope",
        "the harbour road",
    ],
    scenes: [
        "{name} rolls a ball down {a} and then down {b}, which are equally long.",
        "{name} lets a ball go at the top of {a} and at the top of {b}, which are equally long.",
    ],
    cause: ["steeper", "flatter"],
    effects: [
        Effect {
            rule: ["A steeper slope gives the ball a stronger pull.", "A flatter slope gives the ball a weaker pull."],
            ask: ["Which one gives the ball a stronger pull?", "Which one gives the ball a weaker pull?"],
            says: ["the ball gets a stronger pull on {x}", "the ball gets a weaker pull on {x}"],
        },
        Effect {
            rule: ["A stronger pull makes the ball faster.", "A weaker pull makes the ball slower."],
            ask: ["Where does the ball roll faster?", "Where does the ball roll more slowly?"],
            says: ["the ball rolls faster on {x}", "the ball rolls more slowly on {x}"],
        },
        Effect {
            rule: ["A faster ball reaches the bottom sooner.", "A slower ball reaches the bottom later."],
            ask: ["Where does the ball reach the bottom sooner?", "Where does the ball reach the bottom later?"],
            says: ["the ball reaches the bottom sooner on {x}", "the ball reaches the bottom later on {x}"],
        },
    ],
};

/// Eggs fall onto two surfaces.
pub(super) const EGGS: Situation = Situation {
    things: &[
        "the red cushion",
        "the blue cushion",
        "the mattress",
        "the doormat",
        "the sofa",
        "the rug",
        "the yoga mat",
        "the towel",
        "the folded blanket",
        "the sandbox",
        "the lawn",
        "the foam block",
        "the bath mat",
        "the pillow",
        "the carpet",
        "the sports mat",
        "the flower bed",
        "the straw bale",
        "the leaf pile",
        "the quilt",
    ],
    scenes: [
        "{name} drops an egg onto {a} and another egg onto {b}.",
        "One egg of {name} falls onto {a} and another one onto {b}.",
    ],
    cause: ["softer", "harder"],
    effects: [
        Effect {
            rule: ["A softer surface stops the egg more gently.", "A harder surface stops the egg more suddenly."],
            ask: ["Where does the egg stop more gently?", "Where does the egg stop more suddenly?"],
            says: ["the egg stops more gently on {x}", "the egg stops more suddenly on {x}"],
        },
        Effect {
            rule: ["A gentler stop puts less force on the egg.", "A more sudden stop puts more force on the egg."],
            ask: ["Where does the egg feel less force?", "Where does the egg feel more force?"],
            says: ["the egg feels less force on {x}", "the egg feels more force on {x}"],
        },
        Effect {
            rule: ["Less force makes the egg less likely to break.", "More force makes the egg more likely to break."],
            ask: ["Where is the egg less likely to break?", "Where is the egg more likely to break?"],
            says: ["the egg is less likely to break on {x}", "the egg is more likely to break on {x}"],
        },
    ],
};

/// Two vehicles leave for the harbour.
pub(super) const TRIPS: Situation = Situation {
    things: &[
        "the tram",
        "the ferry",
        "the school bus",
        "the taxi",
        "the cable car",
        "the scooter",
        "the bicycle",
        "the milk van",
        "the fire engine",
        "the mail truck",
        "the motorbike",
        "the minibus",
        "the steam train",
        "the rowing boat",
        "the delivery van",
        "the horse cart",
        "the tour bus",
        "the tractor",
        "the camper van",
        "the pickup truck",
    ],
    scenes: [
        "{name} sees {a} and {b} leave for the harbour at the same time.",
        "{name} can go to the harbour by {a} or by {b}, which leave together.",
    ],
    cause: ["faster", "slower"],
    effects: [
        Effect {
            rule: [
                "A faster vehicle covers more ground each minute.",
                "A slower vehicle covers less ground each minute.",
            ],
            ask: ["Which one covers more ground each minute?", "Which one covers less ground each minute?"],
            says: ["{x} covers more ground each minute", "{x} covers less ground each minute"],
        },
        Effect {
            rule: [
                "Covering more ground each minute makes the trip shorter.",
                "Covering less ground each minute makes the trip longer.",
            ],
            ask: ["Which one makes the trip in less time?", "Which one makes the trip in more time?"],
            says: ["{x} makes the trip in less time", "{x} makes the trip in more time"],
        },
        Effect {
            rule: ["A shorter trip ends earlier.", "A longer trip ends later."],
            ask: ["Which one arrives earlier?", "Which one arrives later?"],
            says: ["{x} arrives earlier", "{x} arrives later"],
        },
    ],
};

/// A boat sails with two sails.
pub(super) const SAILS: Situation = Situation {
    things: &[
        "the white sail",
        "the red sail",
        "the striped sail",
        "the old sail",
        "the new sail",
        "the patched sail",
        "the blue sail",
        "the green sail",
        "the cotton sail",
        "the nylon sail",
        "the borrowed sail",
        "the spare sail",
        "the front sail",
        "the main sail",
        "the yellow sail",
        "the canvas sail",
        "the black sail",
        "the painted sail",
        "the silk sail",
        "the brown sail",
    ],
    scenes: [
        "{name} crosses the lake with {a} and then with {b} in the same wind.",
        "{name} tries out {a} and {b} on the same boat in the same wind.",
    ],
    cause: ["larger", "smaller"],
    effects: [
        Effect {
            rule: ["A larger sail catches more wind.", "A smaller sail catches less wind."],
            ask: ["Which one catches more wind?", "Which one catches less wind?"],
            says: ["more wind is caught by {x}", "less wind is caught by {x}"],
        },
        Effect {
            rule: ["More wind makes the boat faster.", "Less wind makes the boat slower."],
            ask: ["With which one is the boat faster?", "With which one is the boat slower?"],
            says: ["the boat is faster with {x}", "the boat is slower with {x}"],
        },
        Effect {
            rule: ["A faster boat reaches the shore sooner.", "A slower boat reaches the shore later."],
            ask: [
                "With which one does the boat reach the shore sooner?",
                "With which one does the boat reach the shore later?",
            ],
            says: ["the boat reaches the shore sooner with {x}", "the boat reaches the shore later with {x}"],
        },
    ],
};
