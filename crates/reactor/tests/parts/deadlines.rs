//! Deadlines fire in their grain, cost nothing to put off, and leave no heap of stale entries; no clock but
//! numbers.

use std::collections::HashMap;

use quinde_reactor::{Deadlines, Slab, Token};

use crate::pairs::Numbers;

fn tokens(count: usize) -> Vec<Token> {
    let mut slab = Slab::new();
    (0..count).map(|_| slab.insert(())).collect()
}

/// All that is due, in the order of the tokens.
fn due(deadlines: &mut Deadlines, now: u64) -> Vec<Token> {
    let mut due: Vec<_> = std::iter::from_fn(|| deadlines.pop_due(now)).collect();
    due.sort_by_key(|token| token.as_u64());
    due
}

#[test]
fn it_fires_once_and_not_before() {
    let token = tokens(2);
    let mut deadlines = Deadlines::new();
    deadlines.set(token[0], Some(100));
    deadlines.set(token[1], Some(200));
    assert_eq!((deadlines.len(), deadlines.next()), (2, Some(100)));
    assert_eq!(deadlines.pop_due(99), None);
    assert_eq!(deadlines.pop_due(100), Some(token[0]));
    assert_eq!(deadlines.pop_due(100), None);
    assert_eq!(deadlines.next(), Some(200));
    assert_eq!(due(&mut deadlines, 1_000), [token[1]]);
    assert_eq!((deadlines.len(), deadlines.next()), (0, None));
}

#[test]
fn the_grain_is_ten_milliseconds_near_and_a_second_far_always_rounded_up() {
    let token = tokens(1)[0];
    let mut deadlines = Deadlines::new();
    deadlines.advance(1_003);
    let mut rounded = |when| {
        deadlines.set(token, Some(when));
        deadlines.of(token).unwrap()
    };
    assert_eq!(rounded(1_011), 1_020);
    assert_eq!(rounded(1_020), 1_020);
    assert_eq!(rounded(1_003 + 4_999), 6_010);
    assert_eq!(rounded(1_003 + 5_000), 7_000);
    assert_eq!(rounded(70_000), 70_000);
    assert_eq!(rounded(70_001), 71_000);
    assert_eq!(rounded(1_003), 1_003, "what is due is due now");
    assert_eq!(rounded(5), 5);
    assert!(rounded(u64::MAX) < u64::MAX);
}

#[test]
fn to_put_off_pushes_nothing() {
    let token = tokens(1)[0];
    let mut deadlines = Deadlines::new();
    for request in 0..10_000 {
        deadlines.advance(request);
        deadlines.set(token, None); // while the request runs
        deadlines.set(token, Some(request + 75_000));
        assert_eq!(deadlines.entries(), 1);
    }
    assert_eq!(deadlines.next(), Some(75_000), "early, which costs one look");
    assert_eq!(deadlines.pop_due(75_000), None);
    assert_eq!(deadlines.next(), Some(85_000));
    assert_eq!(deadlines.entries(), 1);
    assert_eq!(deadlines.pop_due(85_000), Some(token));
}

#[test]
fn an_earlier_deadline_counts_at_once() {
    let token = tokens(1)[0];
    let mut deadlines = Deadlines::new();
    deadlines.set(token, Some(75_000));
    deadlines.set(token, Some(300));
    assert_eq!(deadlines.next(), Some(300));
    assert_eq!(deadlines.pop_due(300), Some(token));
    assert_eq!(deadlines.pop_due(u64::MAX - 1), None, "the first entry is stale");
}

#[test]
fn taken_away_it_never_fires_and_wakes_nobody() {
    let token = tokens(2);
    let mut deadlines = Deadlines::new();
    deadlines.set(token[0], Some(100));
    deadlines.set(token[0], None);
    deadlines.set(token[1], None);
    assert_eq!(
        (deadlines.of(token[0]), deadlines.next(), deadlines.len()),
        (None, None, 0)
    );
    assert_eq!(deadlines.pop_due(10_000), None);
    assert_eq!(deadlines.entries(), 0);
}

#[test]
fn a_deadline_belongs_to_one_generation_of_its_slot() {
    let mut slab = Slab::new();
    let old = slab.insert(());
    slab.remove(old);
    let new = slab.insert(());
    let mut deadlines = Deadlines::new();
    deadlines.set(old, Some(100));
    deadlines.set(new, Some(500));
    assert_eq!(
        (deadlines.of(old), deadlines.of(new), deadlines.len()),
        (None, Some(500), 1)
    );
    deadlines.set(old, Some(50));
    deadlines.set(old, None);
    assert_eq!(deadlines.pop_due(499), None);
    assert_eq!(deadlines.pop_due(500), Some(new));
}

#[test]
fn set_while_taking_counts_at_once() {
    let token = tokens(2);
    let mut deadlines = Deadlines::new();
    deadlines.set(token[0], Some(10));
    assert_eq!(deadlines.pop_due(20), Some(token[0]));
    deadlines.set(token[1], Some(15));
    deadlines.set(token[0], Some(5_000));
    assert_eq!(deadlines.pop_due(20), Some(token[1]));
    assert_eq!(deadlines.pop_due(20), None);
}

#[test]
fn stale_entries_never_exceed_the_armed_and_64() {
    let token = tokens(1_000);
    let mut deadlines = Deadlines::new();
    for (place, token) in token.iter().enumerate() {
        deadlines.set(*token, Some(1_000_000 + place as u64 * 1_000));
    }
    for earlier in 1..200 {
        for token in &token {
            deadlines.set(*token, Some(1_000_000 - earlier * 1_000));
            assert!(deadlines.entries() <= 2 * deadlines.len() + 64);
        }
    }
    for token in &token {
        deadlines.set(*token, None);
        assert!(deadlines.entries() <= 2 * deadlines.len() + 64);
    }
    assert!(deadlines.entries() <= 64);
    deadlines.set(token[0], Some(2_000));
    assert_eq!(due(&mut deadlines, 3_000_000), [token[0]]);
}

/// A deadline that is moved back to where it was leaves two entries at that time, of which one is stale.
#[test]
fn twins_are_stale_too() {
    let tokens = tokens(100);
    let mut deadlines = Deadlines::new();
    for token in &tokens {
        deadlines.set(*token, Some(90_000));
    }
    let (twins, others) = tokens.split_at(20);
    for now in (1_000..7_000).step_by(1_000) {
        for token in twins {
            deadlines.set(*token, Some(now));
            deadlines.set(*token, Some(90_000));
        }
        assert_eq!(deadlines.pop_due(now), None);
    }
    for token in others {
        deadlines.set(*token, None);
        assert!(deadlines.entries() <= 2 * deadlines.len() + 64);
    }
    assert_eq!(due(&mut deadlines, 90_000), twins);
}

#[test]
fn a_stale_entry_goes_when_it_comes_to_the_top() {
    let token = tokens(1)[0];
    let mut deadlines = Deadlines::new();
    deadlines.set(token, Some(3_000));
    deadlines.set(token, Some(500));
    deadlines.set(token, Some(9_000));
    assert_eq!((deadlines.pop_due(500), deadlines.entries()), (None, 2));
    assert_eq!((deadlines.pop_due(3_000), deadlines.entries()), (None, 1));
    assert_eq!(deadlines.pop_due(9_000), Some(token));
}

/// Against a map that is searched, over a run of random commands and moments.
#[test]
fn it_agrees_with_a_map_whatever_the_order() {
    let mut numbers = Numbers(42);
    let mut slab = Slab::new();
    let mut tokens: Vec<_> = (0..50).map(|_| slab.insert(())).collect();
    let (mut deadlines, mut map, mut now) = (Deadlines::new(), HashMap::new(), 0);
    for _ in 0..50_000 {
        let place = numbers.index(tokens.len());
        let token = tokens[place];
        match numbers.below(8) {
            0 => {
                deadlines.set(token, None);
                map.remove(&token);
            }
            1 => {
                // The connection goes, another takes the slot; half of the drivers forget to say so.
                slab.remove(token);
                map.remove(&token);
                if numbers.below(2) == 0 {
                    deadlines.set(token, None);
                } else {
                    tokens[place] = slab.insert(());
                    deadlines.set(tokens[place], Some(now + 700));
                    map.insert(tokens[place], now + 700);
                    continue;
                }
                tokens[place] = slab.insert(());
            }
            2 => {
                now += numbers.below(800);
                let fired = due(&mut deadlines, now);
                for token in &fired {
                    let when = map.remove(token).expect("a deadline fired that was not set");
                    assert!(when <= now, "early");
                }
                assert!(map.values().all(|when| latest(*when) > now), "late");
            }
            _ => {
                let when = now + [0, 30, 4_000, 6_000, 75_000][numbers.index(5)] + numbers.below(100);
                deadlines.set(token, Some(when));
                map.insert(token, when);
            }
        }
        assert_eq!(deadlines.len(), map.len());
        assert!(deadlines.entries() <= 2 * deadlines.len() + 64);
        if let Some(next) = deadlines.next() {
            assert!(
                map.keys().all(|token| next <= deadlines.of(*token).unwrap()),
                "it would wake too late"
            );
        }
    }
}

/// The last moment at which a deadline may still not have fired, by the coarser grain.
fn latest(when: u64) -> u64 {
    when + 1_000
}
