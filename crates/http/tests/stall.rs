//! Output that waits for its peer.

use quinde_http::WriteStall;

#[test]
fn it_is_over_at_the_deadline_and_not_before() {
    let mut stall = WriteStall::default();
    stall.note(true, false, 100);
    assert_eq!(stall.deadline(1000), Some(1100));
    assert!(!stall.is_over(1000, 1099));
    assert!(stall.is_over(1000, 1100));
    assert!(stall.is_over(1000, 1101));
}

#[test]
fn it_counts_from_the_first_wait_unless_something_is_taken() {
    let mut stall = WriteStall::default();
    assert!(stall.note(true, true, 100));
    assert!(!stall.note(true, false, 500));
    assert_eq!(stall.deadline(1000), Some(1100), "more output is no progress");
    assert!(stall.note(true, true, 600));
    assert_eq!(stall.deadline(1000), Some(1600));
}

#[test]
fn nothing_waits_no_deadline() {
    let mut stall = WriteStall::default();
    assert_eq!(stall.deadline(1000), None);
    stall.note(true, false, 100);
    assert!(stall.is_waiting());
    assert!(!stall.note(false, true, 200));
    assert!(!stall.is_waiting());
    assert_eq!(stall.deadline(1000), None);
    stall.note(true, false, 300);
    assert_eq!(stall.deadline(1000), Some(1300));
}

#[test]
fn zero_is_no_limit() {
    let mut stall = WriteStall::default();
    stall.note(true, false, 100);
    assert_eq!(stall.deadline(0), None);
    assert!(!stall.is_over(0, u64::MAX));
}
