//! Points in time as text.

use std::io::Write;

const NS_PER_S: i128 = 1_000_000_000;
const S_PER_DAY: i64 = 86_400;

/// Append `unix_ns` as RFC 3339 in UTC, with as many fractional digits as it needs (at most nine).
pub(crate) fn write(out: &mut Vec<u8>, unix_ns: i128) {
    let seconds = i64::try_from(unix_ns.div_euclid(NS_PER_S)).unwrap_or(i64::MAX);
    let mut fraction = unix_ns.rem_euclid(NS_PER_S);
    let (year, month, day) = civil(seconds.div_euclid(S_PER_DAY));
    let second = seconds.rem_euclid(S_PER_DAY);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    // Writing to a Vec cannot fail.
    let _ = write!(out, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    if fraction != 0 {
        let mut digits = 9;
        while fraction % 10 == 0 {
            fraction /= 10;
            digits -= 1;
        }
        let _ = write!(out, ".{fraction:0digits$}");
    }
    out.push(b'Z');
}

/// Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar.
///
/// Years are counted from March, so that the leap day is the last of its year, in eras of 400.
fn civil(day: i64) -> (i64, i64, i64) {
    let day = day + 719_468;
    let era = day.div_euclid(146_097);
    let day_of_era = day.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(unix_ns: i128) -> String {
        let mut out = Vec::new();
        write(&mut out, unix_ns);
        String::from_utf8(out).expect("ASCII")
    }

    #[test]
    fn known_times() {
        assert_eq!(text(0), "1970-01-01T00:00:00Z");
        assert_eq!(text(1_709_210_096_500_000_000), "2024-02-29T12:34:56.5Z");
        assert_eq!(text(1_709_210_096_000_000_001), "2024-02-29T12:34:56.000000001Z");
        assert_eq!(text(4_107_542_400_120_000_000), "2100-03-01T00:00:00.12Z");
        assert_eq!(text(-1), "1969-12-31T23:59:59.999999999Z");
        assert_eq!(text(i128::from(u64::MAX)), "2554-07-21T23:34:33.709551615Z");
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let mut last = civil(-800_000);
        for day in -799_999..800_000 {
            let next = civil(day);
            let leap = next.0 % 4 == 0 && (next.0 % 100 != 0 || next.0 % 400 == 0);
            let same_month = (last.0, last.1, last.2 + 1);
            let turned = match last.1 {
                12 => (last.0 + 1, 1, 1),
                month => (last.0, month + 1, 1),
            };
            let length = match last.1 {
                4 | 6 | 9 | 11 => 30,
                2 if leap => 29,
                2 => 28,
                _ => 31,
            };
            assert_eq!(next, if last.2 == length { turned } else { same_month });
            last = next;
        }
    }
}
