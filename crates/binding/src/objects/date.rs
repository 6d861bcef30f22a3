//! The Date field's value, rendered once a second (RFC 9110 §5.6.7, IMF-fixdate).

use std::cell::Cell;
use std::time::{SystemTime, UNIX_EPOCH};

use pyo3::prelude::*;

pub const LENGTH: usize = 29;

thread_local! {
    static CACHED: Cell<(u64, [u8; LENGTH])> = const { Cell::new((u64::MAX, [0; LENGTH])) };
}

/// The current time as `Sun, 06 Nov 1994 08:49:37 GMT`.
pub fn now() -> [u8; LENGTH] {
    // A clock before 1970 is shown as 1970.
    let second = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let (cached, text) = CACHED.get();
    if cached == second {
        return text;
    }
    let text = render(second);
    CACHED.set((second, text));
    text
}

/// The current time as an HTTP date, e.g. `Sun, 06 Nov 1994 08:49:37 GMT`.
#[pyfunction]
pub fn http_date() -> String {
    String::from_utf8_lossy(&now()).into_owned()
}

fn render(second: u64) -> [u8; LENGTH] {
    const DAYS: [&[u8; 3]; 7] = [b"Thu", b"Fri", b"Sat", b"Sun", b"Mon", b"Tue", b"Wed"];
    const MONTHS: [&[u8; 3]; 12] = [
        b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
    ];
    let days = second / 86_400;
    let (year, month, day) = civil(days);
    let mut text = *b"Thu, 01 Jan 1970 00:00:00 GMT";
    text[0..3].copy_from_slice(DAYS[(days % 7) as usize]);
    two(&mut text[5..7], day);
    text[8..11].copy_from_slice(MONTHS[(month - 1) as usize]);
    two(&mut text[12..14], year / 100);
    two(&mut text[14..16], year % 100);
    two(&mut text[17..19], second % 86_400 / 3_600);
    two(&mut text[20..22], second % 3_600 / 60);
    two(&mut text[23..25], second % 60);
    text
}

fn two(into: &mut [u8], number: u64) {
    into[0] = b'0' + (number / 10 % 10) as u8;
    into[1] = b'0' + (number % 10) as u8;
}

/// Days since 1970 as year, month, day of the proleptic Gregorian calendar (eras of 400 years, years from March).
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let of_era = shifted % 146_097;
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}
