//! The queue keeps the order, holds nothing twice, and lets go from the middle; checked against a plain list.

use quinde_reactor::{ReadyQueue, Slab, Token};

use crate::pairs::Numbers;

fn tokens(count: usize) -> Vec<Token> {
    let mut slab = Slab::new();
    (0..count).map(|_| slab.insert(())).collect()
}

fn rest(queue: &mut ReadyQueue) -> Vec<Token> {
    std::iter::from_fn(|| queue.pop()).collect()
}

#[test]
fn first_in_first_out_and_each_once() {
    let token = tokens(3);
    let mut queue = ReadyQueue::new();
    assert!(queue.push(token[2]));
    assert!(queue.push(token[0]));
    assert!(!queue.push(token[2]));
    assert!(queue.push(token[1]));
    assert_eq!(queue.len(), 3);
    assert_eq!(queue.pop(), Some(token[2]));
    assert!(queue.push(token[2]), "it may come again once it was taken");
    assert_eq!(rest(&mut queue), [token[0], token[1], token[2]]);
    assert_eq!(queue.pop(), None);
}

#[test]
fn a_removed_one_comes_back_at_the_end() {
    let token = tokens(3);
    let mut queue = ReadyQueue::new();
    for token in &token {
        queue.push(*token);
    }
    assert!(queue.remove(token[0]));
    assert!(!queue.remove(token[0]));
    assert!(!queue.contains(token[0]));
    assert!(queue.push(token[0]));
    assert!(queue.remove(token[2]));
    assert_eq!(rest(&mut queue), [token[1], token[0]]);
}

#[test]
fn the_newer_connection_of_a_slot_takes_the_place_of_the_older() {
    let mut slab = Slab::new();
    let (old, other) = (slab.insert(()), slab.insert(()));
    slab.remove(old);
    let new = slab.insert(());
    let mut queue = ReadyQueue::new();
    queue.push(old);
    queue.push(other);
    assert!(queue.push(new));
    assert!(!queue.push(old));
    assert!(!queue.remove(old));
    assert_eq!(queue.len(), 2);
    assert_eq!(rest(&mut queue), [other, new]);
}

#[test]
fn it_agrees_with_a_list_whatever_the_order() {
    let token = tokens(20);
    let mut numbers = Numbers(7);
    let (mut queue, mut list) = (ReadyQueue::new(), Vec::new());
    for _ in 0..10_000 {
        let one = token[numbers.index(token.len())];
        match numbers.below(4) {
            0 | 1 => {
                let is_new = !list.contains(&one);
                assert_eq!(queue.push(one), is_new);
                list.extend(is_new.then_some(one));
            }
            2 => {
                let place = list.iter().position(|queued| *queued == one);
                assert_eq!(queue.remove(one), place.is_some());
                place.map(|place| list.remove(place));
            }
            _ => assert_eq!(queue.pop(), (!list.is_empty()).then(|| list.remove(0))),
        }
        assert_eq!((queue.len(), queue.is_empty()), (list.len(), list.is_empty()));
    }
    queue.clear();
    assert_eq!((queue.len(), queue.pop()), (0, None));
}
