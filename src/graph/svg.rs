//! The graph as a picture: stages in columns by their longest path from a source, ordered to keep edges short.

use std::fmt::Write;

use super::draw::Drawing;

const BOX_WIDTH: f64 = 190.0;
const BOX_HEIGHT: f64 = 46.0;
const COLUMN_GAP: f64 = 70.0;
const ROW_GAP: f64 = 22.0;
const MARGIN: f64 = 16.0;
const NAME_CHARS: usize = 24;

/// Draws the graph as a self-contained SVG picture.
pub fn svg(drawing: &Drawing) -> String {
    let columns = layout(drawing);
    let tallest = columns.iter().map(Vec::len).max().unwrap_or(0);
    let height = |rows: usize| rows as f64 * (BOX_HEIGHT + ROW_GAP) - ROW_GAP;
    let total_height = height(tallest.max(1)) + 2.0 * MARGIN;
    let total_width = columns.len().max(1) as f64 * (BOX_WIDTH + COLUMN_GAP) - COLUMN_GAP + 2.0 * MARGIN;
    let mut place = vec![(0.0, 0.0); drawing.stages.len()];
    for (column, rows) in columns.iter().enumerate() {
        let top = (total_height - height(rows.len())) / 2.0;
        for (row, &stage) in rows.iter().enumerate() {
            place[stage] =
                (MARGIN + column as f64 * (BOX_WIDTH + COLUMN_GAP), top + row as f64 * (BOX_HEIGHT + ROW_GAP));
        }
    }
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {total_width} {total_height}\" width=\"{total_width}\" \
         height=\"{total_height}\" font-family=\"sans-serif\" role=\"img\">\n\
         <title>Stages of the experiment</title>\n\
         <defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" \
         orient=\"auto\"><path d=\"M0 0 8 4 0 8z\" fill=\"#666\"/></marker></defs>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    for &(from, to) in &drawing.edges {
        let (x1, y1) = (place[from].0 + BOX_WIDTH, place[from].1 + BOX_HEIGHT / 2.0);
        let (x2, y2) = (place[to].0, place[to].1 + BOX_HEIGHT / 2.0);
        let bend = (x2 - x1).max(COLUMN_GAP) / 2.0;
        let _ = writeln!(
            out,
            "<path d=\"M{x1} {y1}C{} {y1} {} {y2} {x2} {y2}\" fill=\"none\" stroke=\"#888\" stroke-width=\"1.3\" \
             marker-end=\"url(#tip)\"/>",
            x1 + bend,
            x2 - bend
        );
    }
    for (stage, (x, y)) in drawing.stages.iter().zip(&place) {
        let _ = writeln!(
            out,
            "<g><title>{name} ({caption})</title><rect x=\"{x}\" y=\"{y}\" width=\"{BOX_WIDTH}\" height=\"{BOX_HEIGHT}\" \
             rx=\"7\" fill=\"{fill}\" stroke=\"#555\"/><text x=\"{middle}\" y=\"{first}\" text-anchor=\"middle\" \
             font-size=\"14\" font-weight=\"600\" fill=\"#111\">{short}</text><text x=\"{middle}\" y=\"{second}\" \
             text-anchor=\"middle\" font-size=\"12\" fill=\"#333\">{caption}</text></g>",
            name = escaped(&stage.name),
            caption = escaped(&stage.caption()),
            fill = stage.shade.fill(),
            middle = x + BOX_WIDTH / 2.0,
            first = y + 19.0,
            second = y + 36.0,
            short = escaped(&shortened(&stage.name)),
        );
    }
    out + "</svg>\n"
}

/// Returns the stages of each column, top to bottom.
fn layout(drawing: &Drawing) -> Vec<Vec<usize>> {
    let mut depth = vec![0usize; drawing.stages.len()];
    for &(from, to) in &drawing.edges {
        depth[to] = depth[to].max(depth[from] + 1);
    }
    let mut columns = vec![Vec::new(); depth.iter().max().map_or(0, |deepest| deepest + 1)];
    for (stage, &column) in depth.iter().enumerate() {
        columns[column].push(stage);
    }
    // Each column is sorted by the mean row of its producers (Sugiyama's barycentre), which keeps edges from crossing.
    let mut row = vec![0.0; drawing.stages.len()];
    for column in &mut columns {
        let centre = |stage: usize| {
            let producers: Vec<f64> =
                drawing.edges.iter().filter(|(_, to)| *to == stage).map(|(from, _)| row[*from]).collect();
            if producers.is_empty() { 0.0 } else { producers.iter().sum::<f64>() / producers.len() as f64 }
        };
        let mut keyed: Vec<_> = column.iter().map(|&stage| (centre(stage), stage)).collect();
        keyed.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let middle = (keyed.len() as f64 - 1.0) / 2.0;
        for (index, (_, stage)) in keyed.iter().enumerate() {
            row[*stage] = index as f64 - middle;
        }
        *column = keyed.into_iter().map(|(_, stage)| stage).collect();
    }
    columns
}

fn shortened(name: &str) -> String {
    if name.chars().count() <= NAME_CHARS {
        return name.to_owned();
    }
    name.chars().take(NAME_CHARS - 1).chain(['…']).collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::super::draw::tests::sample;
    use super::*;

    #[test]
    fn consumers_stand_to_the_right_of_their_producers() {
        assert_eq!(layout(&sample()), [vec![0], vec![1], vec![2]]);
    }

    #[test]
    fn names_are_escaped() {
        let picture = svg(&sample());
        assert!(picture.contains("masked &quot;x&quot; &lt;b&gt;"));
        assert!(!picture.contains("<b>"));
    }

    #[test]
    fn no_stages_give_an_empty_picture() {
        assert!(svg(&Drawing::default()).ends_with("</svg>\n"));
    }
}
