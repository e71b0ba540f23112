//! Simulated time on paper. A second that really passed has the same width everywhere; a clock jump is a gap, marked as
//! such, which is not to scale.
//!
//! Between two jumps the clock runs with real time, so every request and invocation has its true position, and none can
//! fall into a gap.

use super::story::Span;

/// The minimum width of the drawing.
const WIDTH_AT_LEAST: f64 = 940.0;
/// The maximum width, as long as every gap is still visible.
const WIDTH_AT_MOST: f64 = 2600.0;
/// The width of a second that really passed, if there is enough room.
const SECOND: f64 = 110.0;
/// The maximum width of all gaps together.
const GAPS_AT_MOST: f64 = 1300.0;
const GAP: f64 = 38.0;
/// A jump that is too short for a label.
const SHORT_GAP: f64 = 8.0;
const SHORT_SECONDS: f64 = 2.0;

/// Maps seconds to positions.
#[derive(Debug, Clone)]
pub(super) struct Axis {
    pieces: Vec<Piece>,
}

/// A stretch of the axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Piece {
    pub(super) span: Span,
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Time that really passed.
    Run,
    /// Time that the clock jumped over.
    Gap,
}

impl Axis {
    /// An axis from 0 to `end`; `skips` are in order and do not overlap.
    pub(super) fn new(end: f64, skips: &[Span]) -> Axis {
        let mut spans = Vec::new();
        let mut reached = 0.0;
        for skip in skips.iter().filter(|skip| skip.to > 0.0) {
            let (from, to) = (skip.from.clamp(reached, end.max(reached)), skip.to.min(end));
            if to <= from {
                continue;
            }
            spans.push((
                Span {
                    from: reached,
                    to: from,
                },
                Kind::Run,
            ));
            spans.push((Span { from, to }, Kind::Gap));
            reached = to;
        }
        spans.push((
            Span {
                from: reached,
                to: end.max(reached),
            },
            Kind::Run,
        ));
        Axis {
            pieces: laid_out(&spans),
        }
    }

    pub(super) fn width(&self) -> f64 {
        self.pieces.last().map_or(0.0, |piece| piece.right)
    }

    /// The position of a moment.
    pub(super) fn x(&self, seconds: f64) -> f64 {
        let piece = self.pieces.iter().find(|piece| seconds <= piece.span.to);
        let Some(piece) = piece else {
            return self.width();
        };
        let length = piece.span.to - piece.span.from;
        if length <= 0.0 {
            return piece.left;
        }
        let part = ((seconds - piece.span.from) / length).clamp(0.0, 1.0);
        piece.left + part * (piece.right - piece.left)
    }

    pub(super) fn pieces(&self, kind: Kind) -> impl Iterator<Item = &Piece> {
        self.pieces.iter().filter(move |piece| piece.kind == kind)
    }
}

fn laid_out(spans: &[(Span, Kind)]) -> Vec<Piece> {
    let natural = |span: &Span| {
        if span.to - span.from < SHORT_SECONDS {
            SHORT_GAP
        } else {
            GAP
        }
    };
    let of_kind = |wanted: Kind| {
        spans
            .iter()
            .filter(move |(_, kind)| *kind == wanted)
            .map(|(span, _)| span)
    };
    let gaps: f64 = of_kind(Kind::Gap).map(natural).sum();
    let shrunk = (GAPS_AT_MOST / gaps.max(1.0)).min(1.0);
    let run: f64 = of_kind(Kind::Run).map(|span| span.to - span.from).sum();
    let left_over = |width: f64| (width - gaps * shrunk) / run.max(0.001);
    let second = SECOND
        .max(left_over(WIDTH_AT_LEAST))
        .min(left_over(WIDTH_AT_MOST));
    let mut left = 0.0;
    let place = |(span, kind): &(Span, Kind)| {
        let width = match kind {
            Kind::Run => (span.to - span.from) * second,
            Kind::Gap => natural(span) * shrunk,
        };
        let piece = Piece {
            span: *span,
            left,
            right: left + width,
            kind: *kind,
        };
        left = piece.right;
        piece
    };
    spans.iter().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(from: f64, to: f64) -> Span {
        Span { from, to }
    }

    #[test]
    fn a_skipped_hour_is_a_gap_and_real_seconds_are_equally_wide() {
        let axis = Axis::new(3604.0, &[span(1.0, 3601.0)]);
        let second = axis.x(1.0) - axis.x(0.0);
        assert!((axis.width() - WIDTH_AT_LEAST).abs() < 0.1);
        assert!((axis.x(3603.0) - axis.x(3602.0) - second).abs() < 0.1);
        assert!((axis.x(3601.0) - axis.x(1.0) - GAP).abs() < 0.1);
        assert!(second > 200.0, "{second}");
    }

    #[test]
    fn later_is_never_further_left() {
        let skips = [
            span(-5.0, 0.2),
            span(0.2, 3.0),
            span(2.0, 9.0),
            span(50.0, 90.0),
        ];
        let axis = Axis::new(60.0, &skips);
        let places: Vec<f64> = (0..700)
            .map(|tenth| axis.x(f64::from(tenth) / 10.0))
            .collect();
        assert!(places.is_sorted());
        assert_eq!(axis.x(-1.0), 0.0);
        assert_eq!(axis.x(1000.0), axis.width());
    }

    #[test]
    fn a_long_run_and_many_jumps_have_an_end() {
        let skips: Vec<Span> = (0..2000)
            .map(|number| {
                span(
                    f64::from(number) * 10.0 + 1.0,
                    f64::from(number) * 10.0 + 10.0,
                )
            })
            .collect();
        let axis = Axis::new(20_000.0, &skips);
        assert!(axis.width() <= WIDTH_AT_MOST + 0.1, "{}", axis.width());
        assert!(axis.pieces(Kind::Gap).all(|gap| gap.right > gap.left));
        let nothing = Axis::new(0.0, &[]);
        assert_eq!(nothing.x(0.0), 0.0);
    }
}
