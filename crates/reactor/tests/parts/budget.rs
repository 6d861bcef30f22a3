//! A turn ends by number or by time, on a clock that the test moves.

use std::cell::Cell;
use std::time::{Duration, Instant};

use quinde_reactor::Budget;

const MILLISECOND: Duration = Duration::from_millis(1);

#[test]
fn it_ends_after_so_many_connections() {
    let still = Instant::now();
    let mut budget = Budget::with_clock(64, MILLISECOND, || still);
    assert_eq!((0..100).filter(|_| budget.take()).count(), 64);
    assert!(!budget.take());
}

#[test]
fn it_ends_by_time_at_the_next_look_at_the_clock_and_stays_so() {
    let (start, passed) = (Instant::now(), Cell::new(Duration::ZERO));
    let mut budget = Budget::with_clock(64, MILLISECOND, || start + passed.get());
    for _ in 0..10 {
        assert!(budget.take());
    }
    passed.set(MILLISECOND);
    let more = (0..100).take_while(|_| budget.take()).count();
    assert_eq!(
        10 + more,
        16,
        "the clock is read before the ninth, the seventeenth …"
    );
    passed.set(Duration::ZERO);
    assert!(!budget.take());
}

#[test]
fn a_turn_just_within_its_time_goes_on() {
    let (start, passed) = (Instant::now(), Cell::new(Duration::ZERO));
    let mut budget = Budget::with_clock(64, MILLISECOND, || start + passed.get());
    passed.set(MILLISECOND - Duration::from_nanos(1));
    assert_eq!((0..100).filter(|_| budget.take()).count(), 64);
}

#[test]
fn the_clock_is_read_once_in_eight_takes() {
    let (start, readings) = (Instant::now(), Cell::new(0));
    let clock = || {
        readings.set(readings.get() + 1);
        start
    };
    let mut budget = Budget::with_clock(64, MILLISECOND, clock);
    while budget.take() {}
    assert_eq!(
        readings.get(),
        1 + 7,
        "once at the start, then before 9, 17, … 57"
    );
}

#[test]
fn the_default_is_64_connections_of_real_time() {
    assert_eq!((Budget::CONNECTIONS, Budget::WALL), (64, MILLISECOND));
    let mut budget = Budget::new(3, Duration::from_secs(3600));
    assert_eq!((0..10).filter(|_| budget.take()).count(), 3);
    assert!(Budget::default().take());
    let mut spent = Budget::new(64, Duration::ZERO);
    assert_eq!((0..100).filter(|_| spent.take()).count(), 8);
}
