//! The Date header, computed once a second instead of once a reply.

const WEEKDAYS: [&[u8; 3]; 7] = [b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun"];
const MONTHS: [&[u8; 3]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];
/// Days from the first of March to the first of each month, March first.
const MONTH_STARTS: [u64; 12] = [0, 31, 61, 92, 122, 153, 184, 214, 245, 275, 306, 337];
/// Days from 0000-03-01 to 1970-01-01.
const DAYS_BEFORE_1970: u64 = 719_468;
const DAYS_IN_400_YEARS: u64 = 146_097;
const DAYS_IN_100_YEARS: u64 = 36_524;
const DAYS_IN_4_YEARS: u64 = 1_461;
const SECONDS_PER_DAY: u64 = 86_400;
/// The first second of the year 10000, for which the format has no room.
const UNIX_SECONDS_END: u64 = 253_402_300_800;

/// A moment in the format of the Date header (IMF-fixdate), such as `Tue, 15 Nov 1994 08:12:31
/// GMT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Date {
    unix_seconds: u64,
    text: [u8; 29],
}

impl Date {
    /// The given moment, in seconds since 1970 UTC. Moments after the year 9999 become its last
    /// second.
    #[must_use]
    pub fn new(unix_seconds: u64) -> Self {
        Self { unix_seconds, text: format(unix_seconds.min(UNIX_SECONDS_END - 1)) }
    }

    /// Move to another moment. Free when the second is the same.
    pub fn refresh(&mut self, unix_seconds: u64) {
        if unix_seconds != self.unix_seconds {
            *self = Self::new(unix_seconds);
        }
    }

    /// The header's value.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.text
    }
}

fn format(unix_seconds: u64) -> [u8; 29] {
    let days = unix_seconds / SECONDS_PER_DAY;
    let second_of_day = unix_seconds % SECONDS_PER_DAY;
    let (year, month, day) = civil(days);
    let mut text = *b"Mon, 00 Jan 0000 00:00:00 GMT";
    // Day 0 was a Thursday.
    text[..3].copy_from_slice(WEEKDAYS[((days + 3) % 7) as usize]);
    put(&mut text[5..7], day);
    text[8..11].copy_from_slice(MONTHS[month]);
    put(&mut text[12..16], year);
    put(&mut text[17..19], second_of_day / 3600);
    put(&mut text[20..22], second_of_day / 60 % 60);
    put(&mut text[23..25], second_of_day % 60);
    text
}

/// Year, month counted from 0, and day counted from 1, of the day `days` after 1970-01-01.
fn civil(days: u64) -> (u64, usize, u64) {
    // Years are counted from March, so that a leap day is the last one of its year, its four years
    // and its four centuries: only the last part of each cycle differs in length. Hence the two
    // `min`.
    let shifted = days + DAYS_BEFORE_1970;
    let (cycles, day) = (shifted / DAYS_IN_400_YEARS, shifted % DAYS_IN_400_YEARS);
    let centuries = (day / DAYS_IN_100_YEARS).min(3);
    let day = day - centuries * DAYS_IN_100_YEARS;
    let (fours, day) = (day / DAYS_IN_4_YEARS, day % DAYS_IN_4_YEARS);
    let years = (day / 365).min(3);
    let day = day - years * 365;
    let since_march = MONTH_STARTS.iter().rposition(|&start| start <= day).unwrap_or(0);
    let month = (since_march + 2) % 12;
    let year = cycles * 400 + centuries * 100 + fours * 4 + years + u64::from(month < 2);
    (year, month, day - MONTH_STARTS[since_march] + 1)
}

/// Decimal digits that fill `field`.
fn put(field: &mut [u8], mut value: u64) {
    for byte in field.iter_mut().rev() {
        *byte = b'0' + (value % 10) as u8;
        value /= 10;
    }
}
