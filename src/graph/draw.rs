//! The graph as text for other tools: Graphviz and Mermaid. One box a stage, since a thousand boxes tell nobody anything.

use std::fmt::Write;

/// How a stage stands, which decides its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shade {
    /// Every instance is a hit.
    Hit,
    /// Some instances wait for what comes before them.
    Awaits,
    /// Some instances will run.
    Runs,
}

impl Shade {
    /// Returns the fill colour, light enough for black text.
    pub fn fill(self) -> &'static str {
        match self {
            Self::Hit => "#d9f0e3",
            Self::Awaits => "#fff3c4",
            Self::Runs => "#fbd9c6",
        }
    }

    /// Returns the word that stands for it where there is no colour.
    pub fn word(self) -> &'static str {
        match self {
            Self::Hit => "cached",
            Self::Awaits => "waits",
            Self::Runs => "runs",
        }
    }
}

/// One stage of a drawing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrawnStage {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// How many instances it has.
    pub instances: usize,
    /// How it stands.
    pub shade: Shade,
}

/// Stages and the edges between them, as (producer, consumer) indices; producers come first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Drawing {
    /// The stages, in topological order.
    pub stages: Vec<DrawnStage>,
    /// The edges, sorted, without repetition.
    pub edges: Vec<(usize, usize)>,
}

impl DrawnStage {
    /// Returns the second line of its box, such as `train × 6, runs`.
    pub fn caption(&self) -> String {
        let times = if self.instances == 1 { String::new() } else { format!(" × {}", self.instances) };
        format!("{}{times}, {}", self.kind, self.shade.word())
    }
}

/// Draws the graph in Graphviz's language.
pub fn dot(drawing: &Drawing) -> String {
    let mut out = String::from(
        "digraph experiment {\n  rankdir=LR;\n  node [shape=box, style=\"rounded,filled\", fontname=\"sans-serif\"];\n",
    );
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    for (index, stage) in drawing.stages.iter().enumerate() {
        let (name, caption) = (quoted(&stage.name), quoted(&stage.caption()));
        let _ = writeln!(out, "  n{index} [label=\"{name}\\n{caption}\", fillcolor=\"{}\"];", stage.shade.fill());
    }
    for (from, to) in &drawing.edges {
        let _ = writeln!(out, "  n{from} -> n{to};");
    }
    out + "}\n"
}

/// Draws the graph in Mermaid's language.
pub fn mermaid(drawing: &Drawing) -> String {
    let mut out = String::from("flowchart LR\n");
    for (index, stage) in drawing.stages.iter().enumerate() {
        let name = stage.name.replace('"', "#quot;");
        let _ = writeln!(out, "  n{index}[\"{name}<br/>{}\"]", stage.caption());
        let _ = writeln!(out, "  style n{index} fill:{},stroke:#555,color:#111", stage.shade.fill());
    }
    for (from, to) in &drawing.edges {
        let _ = writeln!(out, "  n{from} --> n{to}");
    }
    out
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn sample() -> Drawing {
        let stage = |name: &str, kind: &str, instances, shade| DrawnStage {
            name: name.into(),
            kind: kind.into(),
            instances,
            shade,
        };
        Drawing {
            stages: vec![
                stage("questions", "dataset", 1, Shade::Hit),
                stage("masked \"x\" <b>", "transform", 3, Shade::Runs),
                stage("tuned", "train", 6, Shade::Awaits),
            ],
            edges: vec![(0, 1), (0, 2), (1, 2)],
        }
    }

    #[test]
    fn dot_quotes_names() {
        expect_test::expect![[r##"
            digraph experiment {
              rankdir=LR;
              node [shape=box, style="rounded,filled", fontname="sans-serif"];
              n0 [label="questions\ndataset, cached", fillcolor="#d9f0e3"];
              n1 [label="masked \"x\" <b>\ntransform × 3, runs", fillcolor="#fbd9c6"];
              n2 [label="tuned\ntrain × 6, waits", fillcolor="#fff3c4"];
              n0 -> n1;
              n0 -> n2;
              n1 -> n2;
            }
        "##]]
        .assert_eq(&dot(&sample()));
    }

    #[test]
    fn mermaid_quotes_names() {
        expect_test::expect![[r#"
            flowchart LR
              n0["questions<br/>dataset, cached"]
              style n0 fill:#d9f0e3,stroke:#555,color:#111
              n1["masked #quot;x#quot; <b><br/>transform × 3, runs"]
              style n1 fill:#fbd9c6,stroke:#555,color:#111
              n2["tuned<br/>train × 6, waits"]
              style n2 fill:#fff3c4,stroke:#555,color:#111
              n0 --> n1
              n0 --> n2
              n1 --> n2
        "#]]
        .assert_eq(&mermaid(&sample()));
    }
}
