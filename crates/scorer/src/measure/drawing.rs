//! The curves of a [`Measured`] as an SVG: quality over cost, or over the share of calls to the strong model.

use std::fmt::Write;

use super::{Curve, Measured};

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 440.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 150.0;
const TOP: f64 = 24.0;
const BOTTOM: f64 = 56.0;
const TICKS: usize = 5;

/// Told apart by people who see few colours, too (Okabe and Ito).
const COLOURS: [&str; 6] = ["#d55e00", "#999999", "#cc79a7", "#0072b2", "#009e73", "#e69f00"];

/// A whole SVG file; `None` if there is no curve.
pub fn draw(measured: &Measured) -> Option<String> {
    let frame = Frame::around(measured)?;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n"
    );
    let (strong, weak) = (escaped(&measured.report.strong), escaped(&measured.report.weak));
    let below = if measured.by_cost {
        "mean cost of an answer".to_owned()
    } else {
        format!("share of calls to {strong}, not {weak}")
    };
    svg += &frame.axes(&below);
    for (at, (name, curve)) in measured.curves.iter().enumerate().rev() {
        svg += &frame.line(name, curve, at);
    }
    for (model, cost, quality) in &measured.singles {
        svg += &frame.dot(model, *cost, *quality);
    }
    Some(svg + "</svg>\n")
}

struct Frame {
    x: (f64, f64),
    y: (f64, f64),
}

impl Frame {
    fn around(measured: &Measured) -> Option<Self> {
        let singles = measured.singles.iter().map(|(_, cost, quality)| (*cost, *quality));
        let points: Vec<(f64, f64)> =
            measured.curves.iter().flat_map(|(_, curve)| curve.0.iter().copied()).chain(singles).collect();
        let bounds = |values: &[f64]| {
            let (low, high) =
                values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(*v), high.max(*v)));
            let margin = ((high - low) * 0.05).max(1e-6);
            (low - margin, high + margin)
        };
        let (xs, ys): (Vec<f64>, Vec<f64>) = points.into_iter().unzip();
        (!xs.is_empty()).then(|| Self { x: bounds(&xs), y: bounds(&ys) })
    }

    fn place(&self, (x, y): (f64, f64)) -> (f64, f64) {
        let across = (x - self.x.0) / (self.x.1 - self.x.0);
        let up = (y - self.y.0) / (self.y.1 - self.y.0);
        (LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM))
    }

    fn axes(&self, below: &str) -> String {
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        let mut svg = format!("<path d=\"M{LEFT} {TOP}V{bottom}H{right}\" fill=\"none\" stroke=\"black\"/>\n");
        for tick in 0..=TICKS {
            let share = tick as f64 / TICKS as f64;
            let (x, y) = (self.x.0 + share * (self.x.1 - self.x.0), self.y.0 + share * (self.y.1 - self.y.0));
            let (across, up) = self.place((x, y));
            let _ = writeln!(svg, "<text x=\"{across:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{x:.2}</text>", bottom + 18.0);
            let _ = writeln!(svg, "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{y:.2}</text>", LEFT - 8.0, up + 4.0);
        }
        let middle = f64::midpoint(LEFT, right);
        let _ = writeln!(svg, "<text x=\"{middle:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{below}</text>", HEIGHT - 14.0);
        let _ = writeln!(svg, "<text x=\"{LEFT}\" y=\"{:.1}\" text-anchor=\"middle\">quality</text>", TOP - 8.0);
        svg
    }

    fn line(&self, name: &str, curve: &Curve, at: usize) -> String {
        let colour = COLOURS[at % COLOURS.len()];
        let points: Vec<String> =
            curve.0.iter().map(|point| self.place(*point)).map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let width = if at == 0 { 3.0 } else { 1.5 };
        let (x, y) = (WIDTH - RIGHT + 12.0, TOP + 16.0 * at as f64 + 4.0);
        format!(
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\"/>\n\
             <text x=\"{x}\" y=\"{y}\" fill=\"{colour}\">{}</text>\n",
            points.join(" "),
            escaped(name)
        )
    }

    fn dot(&self, model: &str, cost: f64, quality: f64) -> String {
        let (x, y) = self.place((cost, quality));
        let (aside, text) = (x + 7.0, escaped(model));
        format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\"/>\n<text x=\"{aside:.1}\" y=\"{:.1}\">{text}</text>\n", y + 4.0)
    }
}

/// Names come from a file.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
