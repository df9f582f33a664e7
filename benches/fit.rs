//! Speed of fine-tuning on the CPU: every row of a file once, in batches of four, loss on the targets only.
//!
//! ```console
//! $ cargo bench --bench fit -- MODEL_DIR EXAMPLES.jsonl [--steps 20] [--bf16]
//! $ python3 benches/peers/fit.py MODEL_DIR EXAMPLES.jsonl [--steps 20]
//! ```
//!
//! The second command does the same with PyTorch and transformers. Each prints one line of JSON. A row of EXAMPLES is
//! `{"prompt": …, "target": …}`. Instead of a directory, `gpt2:TOKENIZER_DIR` is GPT-2's shape with random weights.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use retort::model::{
    Architecture, Config, Device, Example, FitHooks, Length, Model, Precision, Recipe, Size, StepReport, fit,
};
use retort::text::tokenizer::Tokenizer;
use serde_json::{Value, json};

#[path = "../src/allocator.rs"]
mod allocator;

/// Steps that warm up.
const FIRST: usize = 3;
const BATCH: usize = 4;

struct Clock {
    last: Instant,
    seconds: Vec<f64>,
    tokens: Vec<u64>,
    losses: Vec<f64>,
    flops: f64,
}

impl FitHooks for Clock {
    fn on_step(&mut self, report: &StepReport) {
        self.seconds.push(self.last.elapsed().as_secs_f64());
        self.tokens.push(report.tokens);
        self.losses.push(report.loss);
        self.flops += if report.step as usize > FIRST { report.flops } else { 0.0 };
        self.last = Instant::now();
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    allocator::keep_pages();
    let mut arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let precision = match arguments.iter().position(|argument| argument == "--bf16") {
        Some(at) => {
            arguments.remove(at);
            Precision::Bf16
        }
        None => Precision::F32,
    };
    let steps = match arguments.iter().position(|argument| argument == "--steps") {
        Some(at) => {
            let steps = arguments.get(at + 1).ok_or("`--steps` needs a number")?.parse()?;
            arguments.drain(at..at + 2);
            steps
        }
        None => 20,
    };
    let [model, examples] = &arguments[..] else {
        #[expect(clippy::print_stdout, reason = "it is a program for people")]
        {
            println!(
                "usage: cargo bench --bench fit -- MODEL_DIR|gpt2:TOKENIZER_DIR EXAMPLES.jsonl [--steps N] [--bf16]"
            );
        }
        return Ok(());
    };
    let device = Device::cpu();
    let directory = Path::new(model.strip_prefix("gpt2:").unwrap_or(model));
    let tokenizer = Tokenizer::from_json(&fs_err::read(directory.join("tokenizer.json"))?)?;
    let mut student = if model.starts_with("gpt2:") {
        let size = Size { vocab_size: 50257, context: 1024, d_model: 768, layers: 12, heads: 12, kv_heads: None };
        Model::init(Config::new(Architecture::Gpt2, size), 0, &device)
    } else {
        Model::load(directory, &device)?
    };
    let end = ["<|endoftext|>", "<|im_end|>", "</s>"].iter().find_map(|end| tokenizer.id(end));
    let rows = fs_err::read_to_string(examples)?;
    let rows = rows.lines().take((steps + FIRST) * BATCH).map(|line| -> Result<Example, Box<dyn Error>> {
        let row: Value = serde_json::from_str(line)?;
        let part = |name: &str| row[name].as_str().ok_or_else(|| format!("a row without `{name}`"));
        let mut ids = tokenizer.ids(part("prompt")?)?;
        let loss_from = ids.len();
        ids.extend(tokenizer.ids(part("target")?)?);
        ids.extend(end);
        ids.truncate(512);
        Ok(Example { ids, loss_from, weights: None, task: None, teacher: None })
    });
    let rows = rows.collect::<Result<Vec<_>, _>>()?;
    let recipe = Recipe {
        lr: 3e-5,
        batch: BATCH,
        length: Length::Steps((steps + FIRST) as u64),
        precision,
        dropout: Some(0.0),
        ..Recipe::default()
    };
    let mut clock =
        Clock { last: Instant::now(), seconds: Vec::new(), tokens: Vec::new(), losses: Vec::new(), flops: 0.0 };
    fit(&mut student, &rows, &recipe, &mut clock)?;
    let seconds: f64 = clock.seconds[FIRST..].iter().sum();
    let mut sorted = clock.seconds[FIRST..].to_vec();
    sorted.sort_by(f64::total_cmp);
    let median = sorted[sorted.len() / 2];
    let status = fs_err::read_to_string("/proc/self/status").unwrap_or_default();
    let peak =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    let line = json!({
        "model": model,
        "threads": std::thread::available_parallelism()?.get(),
        "bf16": precision == Precision::Bf16,
        "step_s": median,
        "examples_per_s": BATCH as f64 / median,
        "tokens_per_s": clock.tokens[FIRST..].iter().sum::<u64>() as f64 / seconds,
        "gflop_per_s": clock.flops / seconds / 1e9,
        "loss_first": clock.losses.first(),
        "loss_last": clock.losses.last(),
        "peak_mem_gib": peak.map(|kb| kb / f64::from(1 << 20)),
    });
    #[expect(clippy::print_stdout, reason = "the line is what the program is for")]
    {
        println!("{line}");
    }
    Ok(())
}
