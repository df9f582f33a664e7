//! The shapes in which servers answer, the ways to them, and what is told of both.

use std::fmt::Write;

use crate::runner::{FILE, Output, Project, files};
use crate::teacher_server::{Act, Teacher};

fn pipeline(url: &str) -> String {
    format!(
        "retort: 1
experiment: shapes
seed: 17

stages:
  questions:
    dataset: {{ format: synthetic, train: 1, dev: 1, test: 1 }}
  rationales:
    elicit:
      questions: questions
      prompt: ask.jinja
      label: from_text
      teacher:
        openai:
          base_url: {url}
          model: taught
          traffic: {{ concurrency: 1, retries: 1, first_wait: 0.001, longest_wait: 0.002, patience: 0.2, timeout: 30 }}
"
    )
}

fn project(url: &str) -> Project {
    let project = Project::new(&pipeline(url));
    project.write("ask.jinja", "{{ question }}");
    project
}

/// Returns the text and the label of the one rationale.
fn rationale(project: &Project) -> (String, Option<String>) {
    let shown = project.run(&["show", FILE, "rationales", "--json"]).code(0).json();
    let row = &shown.as_array().unwrap()[0];
    (row["text"].as_str().unwrap().to_owned(), row["label"].as_str().map(str::to_owned))
}

/// What comes of an answer.
enum Comes {
    /// The rationale, and the label in it.
    Rationale(&'static str, Option<&'static str>),
    /// An error that says this.
    Error(&'static str),
}

use Comes::{Error, Rationale};

const SAID: &str = "The answer is A because ice melts.";
const SOUND: Comes = Rationale(SAID, Some("A"));

/// Servers and what they send: the content type, the body, and what comes of it.
const SHAPES: &[(&str, &str, &str, Comes)] = &[
    (
        "vLLM",
        "application/json",
        r#"{"id":"c","object":"chat.completion","model":"taught","choices":[{"index":0,"message":{"role":"assistant","reasoning_content":null,"content":"The answer is A because ice melts.","tool_calls":[]},"logprobs":null,"finish_reason":"stop","stop_reason":null}],"usage":{"prompt_tokens":20,"completion_tokens":9,"prompt_tokens_details":null},"prompt_logprobs":null}"#,
        SOUND,
    ),
    (
        "vLLM without a reasoning parser",
        "application/json",
        r#"{"model":"taught","choices":[{"message":{"content":"<think>\nThe answer is B? No.\n</think>\n\nThe answer is A because ice melts."},"finish_reason":"stop"}]}"#,
        SOUND,
    ),
    (
        "vLLM, whose template opened the thoughts",
        "application/json",
        r#"{"model":"taught","choices":[{"message":{"content":"The answer is B? No.\n</think>\n\nThe answer is A because ice melts."},"finish_reason":"stop"}]}"#,
        SOUND,
    ),
    (
        "thoughts without an end",
        "application/json",
        r#"{"model":"taught","choices":[{"message":{"content":"<think>\nThe answer is B"},"finish_reason":"stop"}]}"#,
        Error("cut off while the model still thinks"),
    ),
    (
        "vLLM with a reasoning parser, and nothing left to say",
        "application/json",
        r#"{"model":"taught","choices":[{"message":{"content":null,"reasoning":"The answer is B"},"finish_reason":"stop"}]}"#,
        Error("`rationale_from: reasoning` in `elicit` takes"),
    ),
    (
        "SGLang",
        "application/json",
        r#"{"id":"c","model":"taught","choices":[{"index":0,"message":{"role":"assistant","content":"The answer is A because ice melts.","reasoning_content":"The answer is B?","tool_calls":null},"logprobs":null,"finish_reason":"stop","matched_stop":151645}],"usage":{"prompt_tokens":20,"completion_tokens":9,"reasoning_tokens":3},"metadata":{"weight_version":"default"}}"#,
        SOUND,
    ),
    (
        "SGLang, aborted",
        "application/json",
        r#"{"model":"taught","choices":[{"message":{"content":"The answer is A because"},"finish_reason":"abort"}]}"#,
        Error("the server says `abort` of its end"),
    ),
    (
        "llama.cpp",
        "application/json; charset=utf-8",
        r#"{"choices":[{"finish_reason":"stop","index":0,"message":{"role":"assistant","content":"The answer is A because ice melts."}}],"created":1,"model":"taught","system_fingerprint":"b5","object":"chat.completion","usage":{"completion_tokens":9,"prompt_tokens":20,"total_tokens":29},"id":"c","timings":{"prompt_n":20}}"#,
        SOUND,
    ),
    (
        "llama.cpp, a prompt that is too long",
        "application/json",
        r#"{"error":{"code":400,"message":"the request exceeds the available context size","type":"exceed_context_size_error"}}"#,
        Error("HTTP 200 with error 400: the request exceeds"),
    ),
    (
        "Ollama",
        "application/json",
        r#"{"id":"c","object":"chat.completion","model":"taught:latest","system_fingerprint":"fp_ollama","choices":[{"index":0,"message":{"role":"assistant","content":"The answer is A because ice melts.","reasoning":"The answer is B?"},"finish_reason":"stop"}],"usage":{"prompt_tokens":20,"completion_tokens":9,"total_tokens":29}}"#,
        SOUND,
    ),
    (
        "Ollama, which only loads the model",
        "application/json",
        r#"{"model":"taught","choices":[{"message":{"content":""},"finish_reason":"load"}]}"#,
        Error("the server says `load` of its end"),
    ),
    (
        "OpenRouter, with white space that keeps the connection alive",
        "application/json",
        "\n         \n\n         \n{\"id\":\"g\",\"provider\":\"P\",\"model\":\"lab/taught\",\"choices\":[{\"native_finish_reason\":\"STOP\",\"finish_reason\":\"stop\",\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"The answer is A because ice melts.\",\"refusal\":null,\"reasoning\":null},\"error\":null}],\"usage\":{\"prompt_tokens\":20,\"completion_tokens\":9}}",
        SOUND,
    ),
    (
        "OpenRouter, with comments",
        "application/json",
        ": OPENROUTER PROCESSING\n\n: OPENROUTER PROCESSING\n\n{\"model\":\"taught\",\"choices\":[{\"message\":{\"content\":\"The answer is A because ice melts.\"},\"finish_reason\":\"stop\"}]}",
        SOUND,
    ),
    (
        "OpenRouter, whose provider went away",
        "application/json",
        r#"{"model":"taught","choices":[{"message":{"content":"The answer is A"},"finish_reason":"error","error":{"code":502,"message":"Upstream disconnected"}}]}"#,
        Error("error 502: Upstream disconnected"),
    ),
    (
        "OpenRouter, without a key",
        "application/json",
        r#"{"error":{"message":"No auth credentials found","code":401}}"#,
        Error("HTTP 200 with error 401: No auth credentials found; `key_env` names the variable"),
    ),
    (
        "DeepSeek",
        "application/json",
        r#"{"model":"taught","choices":[{"index":0,"message":{"role":"assistant","content":"The answer is A because ice melts.","reasoning_content":"The answer is B?"},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":20,"completion_tokens":9,"prompt_cache_hit_tokens":0,"completion_tokens_details":{"reasoning_tokens":3}}}"#,
        SOUND,
    ),
    (
        "DeepSeek, overloaded",
        "application/json",
        r#"{"model":"taught","choices":[{"message":{"content":"The answer is A"},"finish_reason":"insufficient_system_resource"}]}"#,
        Error("`insufficient_system_resource`"),
    ),
    (
        "Azure",
        "application/json",
        r#"{"model":"taught-2024-08-06","prompt_filter_results":[{"prompt_index":0}],"choices":[{"content_filter_results":{"hate":{"filtered":false}},"finish_reason":"stop","index":0,"logprobs":null,"message":{"content":"The answer is A because ice melts.","refusal":null,"role":"assistant"}}],"usage":{"prompt_tokens":20,"completion_tokens":9}}"#,
        SOUND,
    ),
    (
        "Azure, filtered",
        "application/json",
        r#"{"model":"taught","choices":[{"finish_reason":"content_filter","message":{"content":"The answer is"}}]}"#,
        Error("the teacher refuses"),
    ),
    (
        "TGI",
        "application/json",
        r#"{"object":"chat.completion","id":"","created":1,"model":"taught","system_fingerprint":"3.0","choices":[{"index":0,"message":{"role":"assistant","content":"The answer is A because ice melts."},"logprobs":null,"finish_reason":"eos_token"}],"usage":{"prompt_tokens":20,"completion_tokens":9}}"#,
        SOUND,
    ),
    (
        "TGI, an error",
        "application/json",
        r#"{"error":"Input validation error: inputs must have less than 64 tokens","error_type":"validation"}"#,
        Error("inputs must have less than 64 tokens"),
    ),
    (
        "LM Studio",
        "application/json",
        r#"{"id":"c","object":"chat.completion","model":"taught","choices":[{"index":0,"logprobs":null,"finish_reason":"stop","message":{"role":"assistant","content":"The answer is A because ice melts."}}],"usage":{"prompt_tokens":20.0,"completion_tokens":"9"},"stats":{}}"#,
        SOUND,
    ),
    (
        "LiteLLM, an error",
        "application/json",
        r#"{"error":{"message":"litellm.AuthenticationError: bad key","type":"auth_error","param":"None","code":"401"}}"#,
        Error("error 401: litellm.AuthenticationError"),
    ),
    (
        "Gemini",
        "application/json",
        r#"{"model":"models/taught","choices":[{"finish_reason":"MAX_TOKENS","index":0,"message":{"content":"The answer is A","role":"assistant"}}]}"#,
        Error("cut off at 256 tokens"),
    ),
    (
        "Gemini, which would not",
        "application/json",
        r#"{"model":"models/taught","choices":[{"finish_reason":"SAFETY","message":{"content":"The answer is A"}}]}"#,
        Error("the teacher refuses"),
    ),
    (
        "Mistral",
        "application/json",
        r#"{"model":"taught","choices":[{"message":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"The answer is B?"}]},{"type":"text","text":"The answer is A because ice melts."}]},"finish_reason":"stop"}]}"#,
        SOUND,
    ),
    (
        "OpenRouter, whose thoughts stand in details alone",
        "application/json",
        r#"{"model":"lab/taught","choices":[{"finish_reason":"stop","native_finish_reason":"stop","index":0,"message":{"role":"assistant","content":null,"refusal":null,"reasoning":null,"reasoning_details":[{"type":"reasoning.summary","summary":"The answer is B?","format":"unknown","index":0},{"type":"reasoning.encrypted","data":"gAAA","index":1}]}}]}"#,
        Error("`rationale_from: reasoning` in `elicit` takes"),
    ),
    (
        "LiteLLM before Anthropic",
        "application/json",
        r#"{"model":"taught","choices":[{"finish_reason":"stop","index":0,"message":{"role":"assistant","content":"The answer is A because ice melts.","tool_calls":null,"function_call":null,"reasoning_content":"The answer is B?","thinking_blocks":[{"type":"thinking","thinking":"The answer is B?","signature":"c2ln"}]}}],"usage":{"prompt_tokens":20,"completion_tokens":9}}"#,
        SOUND,
    ),
    (
        "DeepSeek, cut off while it thinks",
        "application/json",
        r#"{"model":"taught","choices":[{"index":0,"message":{"role":"assistant","content":"","reasoning_content":"The answer is B"},"finish_reason":"length"}]}"#,
        Error("cut off while the model still thinks"),
    ),
    (
        "OpenAI, which would not",
        "application/json",
        r#"{"model":"taught","choices":[{"index":0,"message":{"role":"assistant","content":null,"refusal":"I cannot help with that."},"finish_reason":"stop"}]}"#,
        Error("the teacher refuses"),
    ),
    (
        "FastAPI",
        "application/json",
        r#"{"object":"error","message":"This model's maximum context length is 64 tokens","type":"BadRequestError","code":400}"#,
        Error("error 400: This model's maximum context length"),
    ),
    (
        "a server that streams",
        "text/event-stream",
        "data: {\"model\":\"taught\",\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"The answer is A\"}}]}\n\ndata: {\"choices\":[{\"delta\":{\"content\":\" because ice melts.\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n",
        SOUND,
    ),
    (
        "a stream that breaks off",
        "text/event-stream",
        "data: {\"model\":\"taught\",\"choices\":[{\"delta\":{\"content\":\"The answer is A\"}}]}\n\n",
        Error("its stream broke off"),
    ),
    (
        "JSON in the frame of a stream",
        "text/event-stream",
        "{\"model\":\"taught\",\"choices\":[{\"message\":{\"content\":\"The answer is A because ice melts.\"},\"finish_reason\":\"stop\"}]}data: [DONE]\n\n",
        SOUND,
    ),
    (
        "half of a character",
        "application/json",
        r#"{"model":"taught","choices":[{"message":{"content":"The answer is A because ice\ud83d melts."},"finish_reason":"stop"}]}"#,
        Rationale("The answer is A because ice\u{fffd} melts.", Some("A")),
    ),
    (
        "a token that ends the turn",
        "application/json",
        r#"{"model":"taught","choices":[{"message":{"content":"The answer is A because ice melts.<|im_end|>"},"finish_reason":"stop"}]}"#,
        SOUND,
    ),
    (
        "a tool instead of an answer",
        "application/json",
        r#"{"model":"taught","choices":[{"message":{"content":null,"tool_calls":[{"id":"x"}]},"finish_reason":"tool_calls"}]}"#,
        Error("calls a tool instead of answering"),
    ),
    (
        "vLLM, a tool whose call ended of itself",
        "application/json",
        r#"{"model":"taught","choices":[{"message":{"content":"Let me look.","tool_calls":[{"id":"x","type":"function","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"stop"}]}"#,
        Error("calls a tool instead of answering"),
    ),
    ("a page", "text/html", "<!doctype html><title>Sign in</title>", Error("it is a web page and no answer")),
];

#[test]
fn each_server_is_read_as_it_answers() {
    let mut wrong = String::new();
    for (server, kind, body, comes) in SHAPES {
        let teacher = Teacher::always(Act::Page(kind, body));
        let project = project(&teacher.url());
        let output = project.run(&["run", FILE]);
        let result = match comes {
            Rationale(text, label) if output.code == Some(0) => {
                let found = rationale(&project);
                (found == ((*text).to_owned(), label.map(str::to_owned))).then_some(()).ok_or(format!("{found:?}"))
            }
            Error(says) if output.code == Some(1) && output.stderr.contains(says) => Ok(()),
            _ => Err(output.to_string()),
        };
        if let Err(found) = result {
            writeln!(wrong, "{server}: {found}").unwrap();
        }
        assert!(teacher.asked().iter().all(|request| request.body["stream"] == false), "{server}");
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn thoughts_may_be_the_rationale_and_no_label_is_read_from_them() {
    let apart = r#"{"model":"taught","choices":[{"message":{"content":"B","reasoning_content":"The answer is A? No."},"finish_reason":"stop"}]}"#;
    let inline = r#"{"model":"taught","choices":[{"message":{"content":"<think>The answer is A? No.</think>B"},"finish_reason":"stop"}]}"#;
    let alone = r#"{"model":"taught","choices":[{"message":{"content":null,"reasoning":"The answer is A? No."},"finish_reason":"stop"}]}"#;
    for (body, label) in [(apart, Some("B")), (inline, Some("B")), (alone, None)] {
        let teacher = Teacher::always(Act::Page("application/json", body));
        let project = project(&teacher.url());
        project.edit("label: from_text", "label: from_text\n      rationale_from: reasoning");
        project.run(&["run", FILE]).code(0);
        assert_eq!(rationale(&project), ("The answer is A? No.".to_owned(), label.map(str::to_owned)), "{body}");
        if label.is_some() {
            // The words are there as well, and nothing is asked again.
            teacher.asked();
            project.edit("rationale_from: reasoning", "rationale_from: content");
            project.run(&["run", FILE]).code(0);
            assert_eq!((rationale(&project).0.as_str(), teacher.asked().len()), ("B", 0), "{body}");
        }
    }
}

#[test]
fn another_model_is_told_and_recorded() {
    let body = r#"{"model":"other-7b","choices":[{"message":{"content":"The answer is A."},"finish_reason":"stop"}]}"#;
    let teacher = Teacher::always(Act::Page("application/json", body));
    let project = project(&teacher.url());
    project.run(&["run", FILE]).code(0).says("`taught` was asked for").says("`other-7b` (1)");
    teacher.asked();
    project.edit("model: taught\n", "model: taught\n          answers_as: [other-7b]\n");
    assert!(!project.run(&["run", FILE]).code(0).stderr.contains("asked for"));
    assert_eq!(teacher.asked().len(), 0);
    project.edit("answers_as: [other-7b]", "answers_as: [taught]");
    project.run(&["run", FILE]).code(1).says("1 from another model").says("which `answers_as` does not name");
}

#[test]
fn answers_of_another_server_are_told_and_can_be_kept_apart() {
    let first = Teacher::always(Act::Says("The answer is A.", "stop"));
    let second = Teacher::always(Act::Says("The answer is B.", "stop"));
    let project = project(&first.url());
    assert!(!project.run(&["run", FILE]).code(0).stderr.contains("another model"));
    // The result is there, and then only its rows.
    project.edit(&first.url(), &second.url());
    project.run(&["run", FILE]).code(0).says(&first.url()).says("`server: NAME`");
    project.edit("label: from_text", "refusals: [Never]");
    project.run(&["run", FILE]).code(0).says(&first.url()).says("`server: NAME`");
    assert_eq!(second.asked().len(), 0);
    project.edit("model: taught\n", "model: taught\n          server: second\n");
    assert!(!project.run(&["run", FILE]).code(0).stderr.contains("another model"));
    assert_eq!((rationale(&project).0.as_str(), second.asked().len()), ("The answer is B.", 1));
}

#[test]
fn headers_and_queries_come_from_the_environment_and_are_never_told() {
    const KEY: &str = "azure-0123456789";
    let teacher = Teacher::start();
    let project = project(&format!("{}?api-version=2024-10-21", teacher.url()));
    project.edit("model: taught\n", "model: taught\n          headers: { api-key: LAB_KEY, X-Title: LAB_TITLE }\n          query: { sig: LAB_SIG }\n");
    project
        .run(&["run", FILE])
        .code(1)
        .says("the environment has nothing in `LAB_TITLE`, which `headers.X-Title` names");
    assert_eq!(teacher.asked().len(), 0);
    let mut command = project.command(&["run", FILE, "--verbose"]);
    command.env("LAB_KEY", KEY).env("LAB_TITLE", "my lab").env("LAB_SIG", "a/b+0123456789");
    let output = Output::of(&mut command).code(0);
    let asked = teacher.asked();
    assert_eq!(asked[0].path, "/v1/chat/completions?api-version=2024-10-21&sig=a%2Fb%2B0123456789");
    assert_eq!(asked[0].headers["api-key"], KEY);
    assert_eq!(asked[0].headers["x-title"], "my lab");
    assert!(!output.to_string().contains(KEY), "{output}");
    for file in files(&project.path("")) {
        let bytes = fs_err::read(&file).unwrap();
        for key in [KEY, "a/b+0123456789", "a%2Fb%2B0123456789"] {
            assert!(!bytes.windows(key.len()).any(|window| window == key.as_bytes()), "{key} in {}", file.display());
        }
    }
}

#[test]
fn what_is_wrong_with_a_key_or_an_address_is_told() {
    let teacher = Teacher::start();
    let project = project(&teacher.url());
    project.edit("model: taught\n", "model: taught\n          key_env: LAB_KEY\n");
    let run = |key: &str| Output::of(project.command(&["run", FILE]).env("LAB_KEY", key)).code(1);
    run("Bearer good").says("`LAB_KEY`, which `key_env` names, is no key: it begins with `Bearer`");
    run("two words").says("it has white space in it");
    run("").says("the environment has no key in `LAB_KEY`");
    assert_eq!(teacher.asked().len(), 0);
    for (address, says) in [
        ("localhost:8000/v1", "neither `http://` nor `https://`"),
        ("http://a/v1?key=k", "it has a key in it; `query`"),
        ("http://a/v1/chat/completions", "the protocol's own path"),
    ] {
        let wrong = Project::new(&pipeline(address));
        wrong
            .run(&["check", FILE])
            .code(2)
            .says("cannot use `teacher.openai.base_url` as a server's address")
            .says(says);
    }
    for (field, says) in [
        ("headers: { api-key: sk-123 }", "names no variable of the environment"),
        ("headers: { host: LAB }", "sent in any case"),
        ("extra: { stream: true }", "`stream: false` is sent anyway"),
    ] {
        let wrong = Project::new(&pipeline(&teacher.url()));
        wrong.edit("model: taught\n", &format!("model: taught\n          {field}\n"));
        wrong.run(&["check", FILE]).code(2).says(says);
    }
    let fine = Project::new(&pipeline(&teacher.url()));
    fine.write("ask.jinja", "{{ question }}");
    fine.edit("model: taught\n", "model: taught\n          extra: { stream: false }\n");
    fine.run(&["check", FILE]).code(0);
}

#[test]
fn a_wait_that_is_too_long_is_told_and_not_waited_for() {
    let teacher = Teacher::always(Act::Busy(Some("36000")));
    let project = project(&teacher.url());
    project.run(&["run", FILE]).code(1).says("it asks to wait 10 h, and `traffic.patience` is 0.2 s");
    assert_eq!(teacher.asked().len(), 1);
    let slow = Teacher::always(Act::Drip);
    let project = self::project(&slow.url());
    project.edit("timeout: 30", "timeout: 0.2");
    project.run(&["run", FILE]).code(1).says("no answer within 0.2 s").says("`traffic.timeout`");
}

#[test]
fn proxies_are_used_as_curl_uses_them() {
    // The teacher is the proxy: it answers whatever it is asked, and notes what that was.
    let proxy = Teacher::start();
    let at = proxy.url().replace("/v1", "");
    let run = |variables: &[(&str, &str)]| {
        let project = project("http://teacher.lab/v1");
        let mut command = project.command(&["run", FILE]);
        for name in
            ["NO_PROXY", "no_proxy", "HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]
        {
            command.env_remove(name);
        }
        let output = Output::of(command.envs(variables.iter().copied()));
        (output, proxy.asked())
    };
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY"] {
        let (output, asked) = run(&[(name, &at)]);
        output.code(0);
        assert_eq!((asked.len(), asked[0].path.as_str()), (1, "http://teacher.lab/v1/chat/completions"), "{name}");
        assert_eq!(asked[0].headers["host"], "teacher.lab", "{name}");
    }
    let with_name = at.replace("http://", "http://me:secret@");
    let (output, asked) = run(&[("HTTP_PROXY", &with_name)]);
    output.code(0);
    assert_eq!(asked[0].headers["proxy-authorization"], "Basic bWU6c2VjcmV0");
    for list in ["teacher.lab", "foo, teacher.lab", "lab", ".lab", "teacher.lab:80", "*"] {
        let (output, asked) = run(&[("HTTP_PROXY", &at), ("NO_PROXY", list)]);
        assert_eq!((output.code, asked.len()), (Some(1), 0), "{list}");
    }
    let (_, asked) = run(&[("HTTPS_PROXY", &at)]);
    assert_eq!(asked.len(), 0);
    // A proxy that is not there is no fault of the teacher's.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (output, _) = run(&[("HTTP_PROXY", &format!("http://me:secret@127.0.0.1:{free}"))]);
    let output =
        output.code(1).says(&format!("cannot get through the proxy `127.0.0.1:{free}` that `HTTP_PROXY` names"));
    assert!(!output.stderr.contains("secret"), "{output}");
    let (output, _) = run(&[("HTTP_PROXY", "ftp://me:secret@p")]);
    let output = output.code(1).says("`HTTP_PROXY` is set, and is no address of a proxy");
    assert!(!output.stderr.contains("secret"), "{output}");
}
