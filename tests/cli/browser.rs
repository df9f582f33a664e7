//! The report's page in a real browser, where this machine has Chromium: tables are sorted and filtered, a difference is
//! opened, and nothing goes wrong.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value as Json;

use crate::pipelines::TRAINED;
use crate::runner::Project;

/// Finds a Chromium.
fn chromium() -> Option<&'static str> {
    ["chromium", "chromium-browser", "google-chrome"].into_iter().find(|name| {
        let version = Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        version.is_ok_and(|status| status.success())
    })
}

/// Notes what goes wrong, before anything of the page's own runs.
const WATCH: &str = r#"<script>
window.wrong = [];
addEventListener("error", (event) => window.wrong.push(String(event.message)));
console.error = (...said) => window.wrong.push(said.join(" "));
</script>"#;

/// Does what a reader does, and leaves what came of it in the page.
const READ: &str = r##"<script>
const told = {};
const table = document.querySelector("table.sortable");
const column = [...table.tHead.rows[0].cells].findIndex((head) => head.textContent.startsWith("accuracy"));
const values = () => [...table.tBodies[0].rows].map((row) => Number(row.cells[column].dataset.sort));
const head = table.tHead.rows[0].cells[column];
head.querySelector("button").click();
told.rising = values();
head.querySelector("button").click();
told.falling = values();
told.sorted = head.getAttribute("aria-sort");

const which = document.getElementById("which");
which.value = "all";
which.dispatchEvent(new Event("change"));
told.listed = document.querySelectorAll("#rows tr").length;
const button = document.querySelector("#rows button");
button.click();
const opened = document.querySelector("#rows tr.opened");
told.expanded = button.getAttribute("aria-expanded");
told.stem = opened.querySelector(".asked p").textContent;
told.choices = opened.querySelectorAll(".asked li").length;
told.sides = [...opened.querySelectorAll(".beside h4")].map((head) => head.textContent);
told.outputs = opened.querySelectorAll(".beside pre").length;
button.click();
told.closed = document.querySelector("#rows tr.opened") === null;

const words = document.getElementById("words");
words.value = "no question has these words";
words.dispatchEvent(new Event("input"));
told.sought = document.querySelectorAll("#rows tr").length;
const second = document.getElementById("second");
second.value = document.getElementById("first").value;
words.value = "";
which.value = "one";
second.dispatchEvent(new Event("change"));
told.same = document.getElementById("count").textContent;
told.requests = performance.getEntriesByType("resource").map((entry) => entry.name);
told.wrong = window.wrong;
document.body.textContent = "";
const pre = document.createElement("pre");
pre.id = "told";
pre.textContent = JSON.stringify(told);
document.body.append(pre);
</script>"##;

/// Opens a page and returns what the script told.
fn told(browser: &str, page: &Path, profile: &Path) -> Json {
    let output = Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--virtual-time-budget=5000",
            "--dump-dom",
        ])
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg(format!("file://{}", page.display()))
        .output()
        .unwrap();
    let dom = String::from_utf8_lossy(&output.stdout);
    let text = dom.split("<pre id=\"told\">").nth(1).and_then(|rest| rest.split("</pre>").next());
    let text =
        text.unwrap_or_else(|| panic!("the page told nothing:\n{dom}\n{}", String::from_utf8_lossy(&output.stderr)));
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    serde_json::from_str(&text).unwrap()
}

#[test]
fn a_reader_sorts_a_table_and_opens_a_difference() {
    let Some(browser) = chromium() else {
        println!("skipped: there is no Chromium on this machine");
        return;
    };
    let project = Project::new(TRAINED);
    project.edit("report: { scores: answers,", "report: { scores: answers, questions: questions,");
    project.make();
    let page = fs_err::read_to_string(project.path("out/trained/results/report.html")).unwrap();
    let page = page.replacen("<head>", &format!("<head>{WATCH}"), 1).replacen("</body>", &format!("{READ}</body>"), 1);
    project.write("read.html", &page);
    let told = told(browser, &project.path("read.html"), &project.path("profile"));

    let values = |name: &str| -> Vec<f64> {
        told[name].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
    };
    assert!(values("rising").is_sorted() && values("rising").len() == 4, "{told}");
    assert!(values("falling").is_sorted_by(|a, b| a >= b), "{told}");
    assert_eq!(told["sorted"], "descending");
    assert_eq!(told["listed"], 16, "{told}");
    assert_eq!(told["expanded"], "true");
    assert!(told["stem"].as_str().unwrap().len() > 10 && told["choices"].as_u64().unwrap() >= 2, "{told}");
    assert_eq!(told["outputs"], 2);
    assert!(told["sides"][0].as_str().unwrap().starts_with("fraction=0.4,student="), "{told}");
    assert_eq!(told["closed"], true);
    assert_eq!(told["sought"], 0);
    assert!(
        told["same"].as_str().unwrap().starts_with("Questions that exactly one of the two got right: 0."),
        "{told}"
    );
    let outside =
        told["requests"].as_array().unwrap().iter().filter(|name| !name.as_str().unwrap().starts_with("data:"));
    assert_eq!(outside.count(), 0, "{told}");
    assert_eq!(told["wrong"], serde_json::json!([]));
}
