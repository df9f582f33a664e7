//! Speed of label-first evaluation on the CPU: every question of a QuaRel file, answered greedily as `evaluate` does.
//!
//! ```console
//! $ cargo bench --bench evaluate -- STUDENT_DIR QUAREL.jsonl [--batch 64] [--whole] [--prompts PROMPTS.jsonl]
//! $ python3 benches/peers/evaluate.py STUDENT_DIR PROMPTS.jsonl
//! ```
//!
//! The second command does the same with transformers' `generate`, on the prompts that `--prompts` writes. Each prints one
//! line of JSON. At most 8 tokens are written; an answer ends with the token that decides its label, or, with `--whole`, with
//! the eighth, as it does in the peer. How many that are depends on the student: one that was tuned, such as
//! `retort export benches/arm.yaml 'tuned[placement=after]' STUDENT_DIR` writes, needs three, and one that was not may be
//! done after the first. `tokens_mean` says so.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use retort::artifact::{Format, Placement};
use retort::model::{Budget, Device, GenerateOptions, Model, generate};
use retort::text::dataset::quarel;
use retort::text::prompt::{Answer, SEPARATOR, Template};
use retort::text::target::{MARKER, decided, parse};
use retort::text::tokenizer::Tokenizer;
use serde_json::json;

#[path = "../src/allocator.rs"]
mod allocator;

/// The most tokens that are written.
const MAX_NEW: usize = 8;

fn main() -> Result<(), Box<dyn Error>> {
    allocator::keep_pages();
    let mut arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let whole = arguments.iter().position(|argument| argument == "--whole").map(|at| arguments.remove(at)).is_some();
    let mut valued = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        let value = arguments.get(at + 1).cloned();
        arguments.drain(at..(at + 2).min(arguments.len()));
        value
    };
    let batch: usize = valued("--batch").map_or(Ok(64), |batch| batch.parse())?;
    let prompts_file = valued("--prompts");
    let [directory, file] = &arguments[..] else {
        #[expect(clippy::print_stdout, reason = "it is a program for people")]
        {
            println!(
                "usage: cargo bench --bench evaluate -- STUDENT_DIR QUAREL.jsonl [--batch N] [--whole] [--prompts FILE]"
            );
        }
        return Ok(());
    };
    let directory = Path::new(directory);
    let tokenizer = Tokenizer::from_json(&fs_err::read(directory.join("tokenizer.json"))?)?;
    let model = Model::load(directory, &Device::cpu())?;
    let questions = quarel::read(&fs_err::read(file)?)?;
    let template = Template::student();
    let texts = questions.iter().map(|question| Ok(template.render(question, Answer::Hidden)? + SEPARATOR));
    let texts: Vec<String> = texts.collect::<Result<_, Box<dyn Error>>>()?;
    if let Some(file) = prompts_file {
        // The peer's training, which comes before its evaluation, wants a target.
        let line = |text: &String| format!("{}\n", json!({ "prompt": text, "target": format!("{MARKER} A {MARKER}") }));
        fs_err::write(file, texts.iter().map(line).collect::<String>())?;
    }
    let prompts: Vec<Vec<u32>> = texts.iter().map(|text| tokenizer.ids(text)).collect::<Result<_, _>>()?;
    let prompts: Vec<&[u32]> = prompts.iter().map(Vec::as_slice).collect();
    let format = Format::marked(Placement::After, MARKER);
    let end = ["<|endoftext|>", "<|im_end|>", "</s>"].iter().find_map(|end| tokenizer.id(end));
    let options = |batch| GenerateOptions {
        max_new: MAX_NEW,
        stop_ids: if whole { Vec::new() } else { end.into_iter().collect() },
        batch,
        budget: Budget::default(),
        sampling: None,
    };
    let stop = |row: usize, ids: &[u32]| {
        !whole && tokenizer.decode(ids).is_ok_and(|text| decided(&text, &format, &questions[row].choices))
    };
    generate(&model, &prompts[..prompts.len().min(batch)], &options(batch), &stop)?;
    let begun = Instant::now();
    let made = generate(&model, &prompts, &options(batch), &stop)?;
    let seconds = begun.elapsed().as_secs_f64();
    let tokens: usize = made.iter().map(|row| row.ids.len()).sum();
    let parsed = made.iter().zip(&questions).filter(|(row, question)| {
        tokenizer.decode(&row.ids).is_ok_and(|text| parse(&text, &format, &question.choices).is_ok())
    });
    let parsed = parsed.count();
    let status = fs_err::read_to_string("/proc/self/status").unwrap_or_default();
    let peak =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    let count = made.len() as f64;
    let line = json!({
        "model": directory,
        "threads": std::thread::available_parallelism()?.get(),
        "batch": batch,
        "whole": whole,
        "questions": made.len(),
        "prompt_tokens_mean": prompts.iter().map(|ids| ids.len()).sum::<usize>() as f64 / count,
        "tokens_mean": tokens as f64 / count,
        "parsed": parsed as f64 / count,
        "seconds": seconds,
        "examples_per_s": count / seconds,
        "peak_mem_gib": peak.map(|kb| kb / f64::from(1 << 20)),
    });
    #[expect(clippy::print_stdout, reason = "the line is what the program is for")]
    {
        println!("{line}");
    }
    Ok(())
}
