//! The versions that answered production.

use record::{Seen, Stretch};

use super::{expect, list};
use crate::{BLUE, Expectation, GREEN};

/// Production moved from blue, through a phase with both, to green, which gave one answer in ten in between.
pub fn shifted(service: &str) -> Vec<Expectation> {
    let [first, second] = [service.to_owned(), service.to_owned()];
    vec![
        Expectation::new(
            format!("`{service}` answered first by {BLUE}, then by both, then by {GREEN} only"),
            move |record| {
                let seen = record
                    .services
                    .get(&first)
                    .ok_or_else(|| format!("`{first}` received no requests"))?;
                let (before, between, after) = phases(seen)?;
                let other = seen
                    .versions
                    .keys()
                    .find(|version| *version != BLUE && *version != GREEN);
                expect(other.is_none(), || {
                    format!("also answers by {}", other.map_or("", String::as_str))
                })?;
                expect(before > 0 && between > 0 && after > 0, || {
                    format!(
                        "{before} answers before the shift, {between} during the shift, {after} after it"
                    )
                })
            },
        ),
        Expectation::new(
            format!("while both of `{service}` served, one answer in ten was by {GREEN}"),
            move |record| {
                let seen = record
                    .services
                    .get(&second)
                    .ok_or_else(|| format!("`{second}` received no requests"))?;
                let (_, between, _) = phases(seen)?;
                let green = green_between(seen);
                // The stretch begins and ends with an answer of green, so the count may be one off. Of nodes that
                // update late, some route only to green while others still divide.
                let late = record
                    .assumptions
                    .iter()
                    .any(|name| name == "nodes-learn-late");
                let is_tenth = green.abs_diff(between / 10) <= 1;
                expect(between >= 10 && (is_tenth || late), || {
                    format!("{green} of {between}")
                })
            },
        ),
    ]
}

/// Production never reached green.
pub fn only_blue() -> Vec<Expectation> {
    vec![Expectation::new(
        format!("production only ever saw {BLUE}"),
        |record| {
            let versions: Vec<String> = record
                .production
                .versions
                .iter()
                .map(|(v, count)| format!("{v} ×{count}"))
                .collect();
            expect(record.production.versions.keys().eq([BLUE]), || {
                list(&versions)
            })
        },
    )]
}

/// The number of answers before green's first, from there to blue's last, and after it.
fn phases(seen: &Seen) -> Result<(u64, u64, u64), String> {
    let first_green = seen
        .sequence
        .iter()
        .position(|stretch| stretch.version == GREEN);
    let last_blue = seen
        .sequence
        .iter()
        .rposition(|stretch| stretch.version == BLUE);
    let (Some(first_green), Some(last_blue)) = (first_green, last_blue) else {
        return Err(format!(
            "only {}",
            list(&seen.versions.keys().collect::<Vec<_>>())
        ));
    };
    let count = |range: &[Stretch]| range.iter().map(|stretch| stretch.requests).sum();
    expect(first_green < last_blue, || {
        "they never served together".to_owned()
    })?;
    let (sequence, between) = (&seen.sequence, first_green..=last_blue);
    Ok((
        count(&sequence[..first_green]),
        count(&sequence[between]),
        count(&sequence[last_blue + 1..]),
    ))
}

fn green_between(seen: &Seen) -> u64 {
    let last_blue = seen
        .sequence
        .iter()
        .rposition(|stretch| stretch.version == BLUE)
        .unwrap_or(0);
    let between = seen.sequence[..last_blue]
        .iter()
        .filter(|stretch| stretch.version == GREEN);
    between.map(|stretch| stretch.requests).sum()
}
