//! Some of a model's layers: those with a window, or those that rotate queries and keys.

/// Some of the layers of a model, which are counted from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Layers {
    /// All of them.
    All,
    /// None of them.
    None,
    /// All but the last of every so many.
    AllButEvery(usize),
    /// This one and those after it.
    From(usize),
    /// Those that have `true` in their place.
    Listed(Vec<bool>),
}

impl Layers {
    /// Whether a layer is among them.
    pub fn has(&self, layer: usize) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::AllButEvery(count) => !(layer + 1).is_multiple_of(*count),
            Self::From(first) => layer >= *first,
            Self::Listed(has) => has.get(layer).copied().unwrap_or(false),
        }
    }

    /// All but the last of every `count`, of `layers` layers.
    pub(crate) fn all_but_every(count: usize, layers: usize) -> Self {
        match count {
            1 => Self::None,
            count if count > layers => Self::All,
            count => Self::AllButEvery(count),
        }
    }

    /// The layer `first` and those after it, of `layers` layers.
    pub(crate) fn from(first: usize, layers: usize) -> Self {
        match first {
            0 => Self::All,
            first if first >= layers => Self::None,
            first => Self::From(first),
        }
    }

    /// Those that have `true` in their place, in the simplest form.
    pub(crate) fn listed(has: Vec<bool>) -> Self {
        let layers = has.len();
        let place = |wanted: bool| has.iter().position(|has| *has == wanted).unwrap_or(layers);
        let candidates = [Self::from(place(true), layers), Self::all_but_every(place(false) + 1, layers)];
        let same = |some: &Self| (0..layers).all(|layer| some.has(layer) == has[layer]);
        candidates.into_iter().find(same).unwrap_or(Self::Listed(has))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lists_come_down_to_the_simplest_form() {
        assert_eq!(Layers::listed(vec![true; 5]), Layers::All);
        assert_eq!(Layers::listed(vec![false; 5]), Layers::None);
        assert_eq!(Layers::listed(vec![true, true, false, true, true, false]), Layers::AllButEvery(3));
        assert_eq!(Layers::listed(vec![true, false, true, false]), Layers::AllButEvery(2));
        assert_eq!(Layers::listed(vec![false, false, true]), Layers::From(2));
        assert_eq!(Layers::listed(vec![false, true, false]), Layers::Listed(vec![false, true, false]));
    }

    proptest! {
        #[test]
        fn every_form_has_the_layers_it_was_made_of(has in prop::collection::vec(any::<bool>(), 1..20)) {
            let some = Layers::listed(has.clone());
            prop_assert_eq!((0..has.len()).map(|layer| some.has(layer)).collect::<Vec<_>>(), has);
        }

        #[test]
        fn equal_layers_are_equal_values(layers in 1_usize..12, count in 1_usize..15) {
            let all = |some: &Layers| (0..layers).map(|layer| some.has(layer)).collect::<Vec<_>>();
            for some in [Layers::all_but_every(count, layers), Layers::from(count, layers)] {
                let listed = Layers::listed(all(&some));
                prop_assert_eq!(all(&listed), all(&some));
                // Two forms may name the same layers; each reads back as one of them.
                prop_assert_eq!(Layers::listed(all(&listed)), listed);
            }
        }
    }
}
