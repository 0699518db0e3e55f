//! Line charts as inline SVG.

use std::ops::Range;

use maud::{Markup, PreEscaped, html};
use plotters::coord::Shift;
use plotters::prelude::{
    ChartBuilder, DrawingArea, IntoDrawingArea, IntoLogRange, LineSeries, RGBColor, SVGBackend,
};
use plotters::style::{Color, IntoFont, TextStyle};

/// Small, so that labels stay readable on a phone.
const SIZE: (u32, u32) = (480, 280);

/// Distinct on light and dark backgrounds, and for color-blind readers.
const COLORS: [(u8, u8, u8); 7] = [
    (0x2b, 0x7b, 0xd6),
    (0xd9, 0x6b, 0x0b),
    (0x12, 0x9a, 0x74),
    (0xb8, 0x4f, 0xa0),
    (0x8a, 0x7a, 0x12),
    (0x6f, 0x7b, 0x8a),
    (0xc2, 0x3b, 0x3b),
];

/// The points of one line.
pub(crate) struct Series {
    pub(crate) name: String,
    /// Index into the colors.
    pub(crate) color: usize,
    pub(crate) points: Vec<(f64, f64)>,
}

/// The label and scale of an axis.
pub(crate) struct Axis {
    pub(crate) about: &'static str,
    pub(crate) logarithmic: bool,
}

/// The color of a series, for a legend elsewhere.
pub(crate) fn color(number: usize) -> String {
    let (r, g, b) = COLORS[number % COLORS.len()];
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// A chart with title and legend. `None` if no series has two points.
pub(crate) fn lines(title: &str, x: &Axis, y: &Axis, series: &[Series]) -> Option<Markup> {
    let series: Vec<&Series> = series.iter().filter(|it| it.points.len() > 1).collect();
    let svg = draw(x, y, &series)?;
    Some(html! {
        figure {
            figcaption { (title) }
            div role="img" aria-label={ (title) ": " (y.about) " over " (x.about) } {
                (PreEscaped(svg))
            }
            ul.legend {
                @for it in &series {
                    li {
                        span.key style={ "background:" (color(it.color)) } {}
                        (it.name)
                    }
                }
            }
        }
    })
}

fn draw(x: &Axis, y: &Axis, series: &[&Series]) -> Option<String> {
    let points = || series.iter().flat_map(|it| &it.points);
    let across = range(points().map(|it| it.0), x)?;
    let up = range(points().map(|it| it.1), y)?;
    let mut svg = String::new();
    let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
    plot(&area, across, up, x, y, series).ok()?;
    drop(area);
    // The page's CSS sets the size.
    let inner = svg.split_once("<svg")?.1;
    Some(format!("<svg{inner}").replace("<svg width=\"480\" height=\"280\"", "<svg"))
}

/// From the lowest value to the highest; from zero if the axis is linear.
fn range(values: impl Iterator<Item = f64> + Clone, axis: &Axis) -> Option<Range<f64>> {
    let high = values.clone().fold(f64::NAN, f64::max);
    let low = if axis.logarithmic { values.fold(f64::NAN, f64::min) } else { 0.0 };
    (low.is_finite() && high > low).then_some(low..high * 1.05)
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn std::error::Error>>;

/// The types of the axes are part of a chart's type.
macro_rules! on_axes {
    ($area:expr, $across:expr, $up:expr, $x:expr, $y:expr, $series:expr) => {{
        let mut chart = ChartBuilder::on($area)
            .margin(8)
            .margin_right(28)
            .x_label_area_size(44)
            .y_label_area_size(62)
            .build_cartesian_2d($across, $up)?;
        let words = TextStyle::from(("sans-serif", 15).into_font());
        let grid = RGBColor(128, 128, 128);
        chart
            .configure_mesh()
            .x_desc($x.about)
            .y_desc($y.about)
            .x_labels(6)
            .y_labels(6)
            .x_label_formatter(&|value| short(*value))
            .y_label_formatter(&|value| short(*value))
            .label_style(words.clone())
            .axis_desc_style(words)
            .bold_line_style(grid.mix(0.3))
            .light_line_style(grid.mix(0.0))
            .draw()?;
        for it in $series {
            let (r, g, b) = COLORS[it.color % COLORS.len()];
            let line = RGBColor(r, g, b).stroke_width(2);
            chart.draw_series(LineSeries::new(it.points.iter().copied(), line))?;
        }
        $area.present()?;
    }};
}

fn plot(
    area: &Area<'_>,
    across: Range<f64>,
    up: Range<f64>,
    x: &Axis,
    y: &Axis,
    series: &[&Series],
) -> Drawn {
    match (x.logarithmic, y.logarithmic) {
        (false, false) => on_axes!(area, across, up, x, y, series),
        (true, false) => on_axes!(area, across.log_scale(), up, x, y, series),
        (false, true) => on_axes!(area, across, up.log_scale(), x, y, series),
        (true, true) => on_axes!(area, across.log_scale(), up.log_scale(), x, y, series),
    }
    Ok(())
}

/// A label of an axis.
fn short(value: f64) -> String {
    match value.abs() {
        v if v >= 1e6 => format!("{}M", value / 1e6),
        v if v >= 1e4 => format!("{}k", value / 1e3),
        v if v >= 10.0 || v == 0.0 => format!("{value:.0}"),
        v if v >= 1.0 => format!("{}", (value * 10.0).round() / 10.0),
        _ => format!("{}", (value * 1000.0).round() / 1000.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_series_is_a_line_of_its_color() {
        let series = |name: &str, color| Series {
            name: name.into(),
            color,
            points: vec![(1.0, 2.0), (10.0, 4.0), (100.0, 3.0)],
        };
        for logarithmic in [false, true] {
            let axis = |about| Axis { about, logarithmic };
            let all = [series("a & b", 0), series("c", 1)];
            let chart = lines("Title", &axis("x"), &axis("y"), &all).expect("a picture");
            let text = chart.into_string().to_lowercase();
            assert_eq!(
                text.matches("<polyline").count(),
                2 + text.matches("stroke=\"#000000\"").count()
            );
            assert!(
                text.contains(&color(0)) && text.contains(&color(1)) && text.contains("a &amp; b")
            );
        }
    }

    #[test]
    fn no_points_make_no_chart() {
        let axis = || Axis { about: "x", logarithmic: true };
        let flat = Series { name: "flat".into(), color: 0, points: vec![(1.0, 0.0), (1.0, 0.0)] };
        assert!(lines("Title", &axis(), &axis(), &[]).is_none());
        assert!(lines("Title", &axis(), &axis(), &[flat]).is_none());
    }
}
