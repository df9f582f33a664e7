"""Makes the tokenizers of this folder: tiny ones, trained on a few sentences, each in the layout of a published family.

    python make.py        needs `tokenizers`

| file | layout of | how it writes a space | what it puts before a text |
|---|---|---|---|
| gpt2.json | GPT-2 | bytes, GPT-2's pieces | nothing |
| phi.json | Phi 1 to 2 (CodeGen) | as GPT-2, with runs of spaces as added tokens | nothing |
| llama-3.json | Llama 3 | bytes, pieces by a pattern of its own | `<|begin_of_text|>` |
| gemma.json | Gemma | `▁`, nothing before a text | `<bos>` |
| llama.json | Llama 2, Mistral v0.1: the first layout | `▁`, and one before each piece of text | `<s>` |
| mistral.json | the later layout of the same | `▁`, and one before a text's first word | `<s>` |
| qwen.json | Qwen 2, 2.5 and 3 | bytes, composed characters, pieces by a pattern of its own, each digit by itself | nothing |
| gpt-neox.json | GPT-NeoX, Pythia | as GPT-2, composed characters, with runs of spaces as added tokens that are normalised | nothing |
| smollm3.json | SmolLM3 | as Llama 3 | nothing |
| olmo-2.json | OLMo 2 | bytes, GPT-4's pieces | nothing |
| opt.json | OPT | as GPT-2 | `</s>` |
| granite.json | Granite 3 | as GPT-2, each digit by itself | nothing |
| phi-3.json | Phi 3 | as Llama 2, with tokens that take the space behind them | nothing |

`encoded.json` has the ids that the Python library gives for some texts, by tokenizer.
"""

import json
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

TEXT = """Question: If you hired a pitcher, who likely can pitch a baseball faster? Choices: A: a nerd; B: a bodybuilder
The answer is B because bodybuilders typically have more strength than nerds, which could translate into a greater ability to throw a baseball faster.
Question: Mike was snowboarding on the snow and hit a piece of ice. He went much faster on the ice because it is what? Choices: A: rougher; B: smoother
Ice is likely easier to glide over, thereby reducing the friction, hence the answer is B. The smoother the surface, the less friction there is.
Question: Where would you find a revolving door that serves as a security measure? Choices: A: bank; B: library; C: store; D: mall; E: town
A bank has money, so a door that is a security measure is found there: the answer is A. Libraries, stores and malls have revolving doors as well.
"""


# What pieces, normalisers and added tokens may differ in.
TEXTS = ["Ice is B", "  two  spaces\n\n\tand a tab", "It's 1234567 faster, isn't it?", "café cafe\u0301 ½ — 東京 🙂", "", " ",
         "<|endoftext|> x <|im_end|>\n", "<s> a</s> b <|end|> c"]


def byte_level(split, specials, vocabulary, template=None, digits=False, composed=False):
    tokenizer = Tokenizer(models.BPE(ignore_merges=split is not None))
    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=split is None)
    tokenizer.pre_tokenizer = level if split is None else pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(split), "isolated"), level])
    if digits:
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), level])
    if composed:
        tokenizer.normalizer = normalizers.NFC()
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=vocabulary, show_progress=False,
                                  initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()))
    tokenizer.train_from_iterator([TEXT] * 2, trainer)
    tokenizer.add_special_tokens(specials)
    trim = processors.ByteLevel(trim_offsets=False)
    tokenizer.post_processor = trim if template is None else processors.Sequence([
        processors.ByteLevel(trim_offsets=False), around(tokenizer, template)])
    return json.loads(tokenizer.to_str())


def around(tokenizer, token):
    return processors.TemplateProcessing(
        single=f"{token} $A", pair=f"{token} $A {token}:1 $B:1", special_tokens=[(token, tokenizer.token_to_id(token))])


def sentencepiece(specials, begin, normalizer, pre_tokenizer, decoder, vocabulary):
    byte_tokens = [f"<0x{byte:02X}>" for byte in range(256)]
    training = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True))
    training.normalizer = normalizers.Replace(" ", "▁")
    training.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    trainer = trainers.BpeTrainer(vocab_size=vocabulary, show_progress=False, special_tokens=specials + byte_tokens)
    training.train_from_iterator([line for line in TEXT.split("\n")] * 2, trainer)
    made = json.loads(training.to_str())["model"]
    made["byte_fallback"] = True
    tokenizer = Tokenizer.from_str(json.dumps({
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None,
        "pre_tokenizer": None, "post_processor": None, "decoder": None, "model": made}))
    tokenizer.normalizer, tokenizer.decoder = normalizer, decoder
    if pre_tokenizer is not None:
        tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in specials])
    if begin is not None:
        tokenizer.post_processor = around(tokenizer, begin)
    return json.loads(tokenizer.to_str())


def main():
    replace = normalizers.Replace(" ", "▁")
    back = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    llama_3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
               r"|\s+(?!\S)|\s+")
    qwen = llama_3.replace(r"\p{N}{1,3}", r"\p{N}")
    # GPT-4's own pattern has possessive repetitions, which OLMo's file has as well.
    gpt_4 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]"
             r"|\s+(?!\S)|\s+")
    chat = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    spaces = [AddedToken(" " * count, normalized=False) for count in range(31, 1, -1)]
    phi = byte_level(None, ["<|endoftext|>"], 420)
    with_spaces = Tokenizer.from_str(json.dumps(phi))
    with_spaces.add_tokens(spaces)
    neox = Tokenizer.from_str(json.dumps(byte_level(None, ["<|endoftext|>", "<|padding|>"], 420, composed=True)))
    neox.add_tokens([AddedToken(" " * count, normalized=True) for count in range(24, 1, -1)])
    phi_3 = Tokenizer.from_str(json.dumps(sentencepiece(
        ["<unk>", "<s>", "</s>"], None, normalizers.Sequence([normalizers.Prepend("▁"), replace]), None,
        decoders.Sequence([*back, decoders.Strip(" ", 1, 0)]), 520)))
    phi_3.add_special_tokens([AddedToken(token, normalized=False, rstrip=True, special=True)
                              for token in ["<|endoftext|>", "<|assistant|>", "<|end|>", "<|user|>"]])
    files = {
        "gpt2": byte_level(None, ["<|endoftext|>"], 420),
        "phi": json.loads(with_spaces.to_str()),
        "llama-3": byte_level(llama_3, ["<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>"], 420, "<|begin_of_text|>"),
        "gemma": sentencepiece(["<pad>", "<eos>", "<bos>", "<unk>"], "<bos>", replace,
                               pre_tokenizers.Split(" ", "merged_with_previous"), decoders.Sequence(back), 520),
        "llama": sentencepiece(["<unk>", "<s>", "</s>"], "<s>",
                               normalizers.Sequence([normalizers.Prepend("▁"), replace]), None,
                               decoders.Sequence([*back, decoders.Strip(" ", 1, 0)]), 520),
        "mistral": sentencepiece(["<unk>", "<s>", "</s>"], "<s>", None,
                                 pre_tokenizers.Metaspace("▁", prepend_scheme="first", split=False),
                                 decoders.Sequence([*back, decoders.Strip(" ", 1, 0)]), 520),
        "qwen": byte_level(qwen, chat, 420, composed=True),
        "gpt-neox": json.loads(neox.to_str()),
        "smollm3": byte_level(llama_3, ["<|begin_of_text|>", "<|end_of_text|>", "<|im_start|>", "<|im_end|>"], 420),
        "olmo-2": byte_level(gpt_4, chat, 420),
        "opt": byte_level(None, ["<s>", "<pad>", "</s>", "<unk>"], 420, "</s>"),
        "granite": byte_level(None, ["<|end_of_text|>", "<fim_prefix>"], 420, digits=True),
        "phi-3": json.loads(phi_3.to_str()),
    }
    encoded = {name: [Tokenizer.from_str(json.dumps(made)).encode(text).ids for text in TEXTS]
               for name, made in files.items()}
    written = json.dumps({"texts": TEXTS, "ids": encoded}, ensure_ascii=False, separators=(",", ":"))
    Path(__file__).with_name("encoded.json").write_text(written + "\n", encoding="utf-8")
    for name, made in files.items():
        text = json.dumps(made, ensure_ascii=False, separators=(",", ":"))
        Path(__file__).with_name(f"{name}.json").write_text(text + "\n", encoding="utf-8")


main()
