//! Tokens are unique for ever, slots are not; checked against a plain map.

use std::collections::HashMap;

use quinde_reactor::{Slab, Token};

use crate::pairs::Numbers;

#[test]
fn a_slot_is_reused_and_its_old_token_names_nothing() {
    let mut slab = Slab::new();
    let old = slab.insert("old");
    assert_eq!(slab.remove(old), Some("old"));
    let new = slab.insert("new");
    assert_eq!(
        old.as_u64() as u32,
        new.as_u64() as u32,
        "the slot is taken again"
    );
    assert_ne!(old, new);
    assert_eq!(slab.get(old), None);
    assert_eq!(slab.get_mut(old), None);
    assert_eq!(slab.remove(old), None);
    assert!(!slab.contains(old));
    assert_eq!(slab.get(new), Some(&"new"));
}

#[test]
fn the_vacant_token_is_the_next_one_given() {
    let mut slab = Slab::new();
    for round in 0..3 {
        let told = slab.vacant_token();
        assert_eq!(slab.get(told), None);
        assert_eq!(slab.insert(round), told);
    }
    let middle = slab.iter().nth(1).unwrap().0;
    slab.remove(middle);
    let told = slab.vacant_token();
    assert_ne!(told, middle);
    assert_eq!(slab.insert(9), told);
}

#[test]
fn a_token_survives_the_way_through_a_number() {
    let mut slab = Slab::new();
    let first = slab.insert(());
    slab.remove(first);
    slab.insert(());
    let token = slab.insert(());
    assert_eq!(Token::from_u64(token.as_u64()), token);
    let big = 0xfeed_beef_0000_1234;
    assert_eq!(Token::from_u64(big).as_u64(), big);
    assert_eq!(slab.get(Token::from_u64(big)), None);
}

#[test]
fn drain_gives_all_and_leaves_a_table_that_can_be_used() {
    let mut slab = Slab::new();
    let kept: Vec<_> = ["a", "b", "c"].map(|value| (slab.insert(value), value)).to_vec();
    let drained = slab.drain();
    assert!(slab.is_empty());
    let new = slab.insert("d");
    assert_eq!(drained.collect::<Vec<_>>(), kept);
    assert_eq!(slab.iter().collect::<Vec<_>>(), [(new, &"d")]);
    assert!(kept.iter().all(|(token, _)| !slab.contains(*token)));
}

#[test]
fn it_agrees_with_a_map_whatever_the_order() {
    let mut numbers = Numbers(1);
    let (mut slab, mut map, mut gone) = (Slab::new(), HashMap::new(), Vec::new());
    for value in 0..5_000u64 {
        if numbers.below(5) < 3 {
            let token = slab.insert(value);
            assert!(map.insert(token, value).is_none(), "a token was given twice");
        } else if let Some(&token) = map.keys().nth(numbers.index(map.len().max(1))) {
            assert_eq!(slab.remove(token), map.remove(&token));
            gone.push(token);
        }
        assert_eq!(slab.len(), map.len());
    }
    assert!(slab.iter().all(|(token, value)| map.get(&token) == Some(value)));
    assert_eq!(slab.iter().count(), map.len());
    assert!(
        gone.iter()
            .all(|token| slab.get(*token).is_none() && !map.contains_key(token))
    );
}
