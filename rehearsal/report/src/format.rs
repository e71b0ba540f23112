//! Times, durations and deployments, formatted for people.

use std::time::Duration;

use super::story::Deployment;

/// A moment since the start: `5:30`, `1:06:10`.
pub(super) fn clock(seconds: f64) -> String {
    let (hours, minutes, seconds) = parts(seconds.max(0.0).floor());
    if hours == 0 {
        format!("{minutes}:{seconds:02}")
    } else {
        format!("{hours}:{minutes:02}:{seconds:02}")
    }
}

/// A moment with hundredths of a second.
pub(super) fn precise_clock(seconds: f64) -> String {
    let hundredths = (seconds.max(0.0).fract() * 100.0).floor();
    format!("{}.{hundredths:02}", clock(seconds))
}

/// A duration in few letters: `10 s`, `4.9 s`, `5 min`, `1 h 6 min`.
pub(super) fn duration(seconds: f64) -> String {
    if seconds < 9.95 {
        return format!("{:.1} s", seconds.max(0.0));
    }
    match parts(seconds.round()) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, 0) => format!("{minutes} min"),
        // Beside minutes, one second more or less is noise.
        (0, minutes, 59) => format!("{} min", minutes + 1),
        (0, minutes, 1) => format!("{minutes} min"),
        (0, minutes, seconds) => format!("{minutes}:{seconds:02}"),
        (hours, 0, _) => format!("{hours} h"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

/// The same with seconds: `1 min 11 s`.
pub(super) fn long_duration(seconds: f64) -> String {
    match parts(seconds.round()) {
        (0, 0, _) => duration(seconds),
        (0, minutes, 0) => format!("{minutes} min"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (_, _, _) => duration(seconds),
    }
}

/// The duration of an invocation: `27 ms`, `1.3 s`.
pub(super) fn milliseconds(milliseconds: u64) -> String {
    let seconds = Duration::from_millis(milliseconds).as_secs_f64();
    if milliseconds < 1000 {
        format!("{milliseconds} ms")
    } else {
        format!("{seconds:.1} s")
    }
}

/// For example: ships web to shop-web:2 (1.1.0), ECSCanary10Percent5Minutes or CANARY.
pub(super) fn deployment_in_words(deployment: &Deployment) -> String {
    let verb = if deployment.rolls_back {
        "rolls back"
    } else {
        "ships"
    };
    let version = deployment.version.as_ref();
    let version = version.map_or(String::new(), |version| format!(" ({version})"));
    let config = deployment.config.trim_start_matches("CodeDeployDefault.");
    format!(
        "{verb} {} to {}{version}, {config}",
        deployment.service, deployment.revision
    )
}

/// (hours, minutes, seconds)
fn parts(seconds: f64) -> (u64, u64, u64) {
    let whole = Duration::try_from_secs_f64(seconds).unwrap_or_default();
    let seconds = whole.as_secs();
    (seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_and_lengths_are_short_and_exact_enough() {
        let clocks = [0.0, 59.99, 330.4, 3970.0].map(clock);
        assert_eq!(clocks, ["0:00", "0:59", "5:30", "1:06:10"]);
        assert_eq!(precise_clock(30.456), "0:30.45");
        let lengths = [0.04, 9.8, 9.97, 299.2, 150.0, 1479.0, 3599.9, 3960.0].map(duration);
        assert_eq!(
            lengths,
            [
                "0.0 s",
                "9.8 s",
                "10 s",
                "5 min",
                "2:30",
                "24:39",
                "1 h",
                "1 h 6 min"
            ]
        );
        let lengths = [9.8, 71.0, 300.2, 3970.0].map(long_duration);
        assert_eq!(lengths, ["9.8 s", "1 min 11 s", "5 min", "1 h 6 min"]);
        assert_eq!([27, 1300].map(milliseconds), ["27 ms", "1.3 s"]);
    }
}
