"""Makes the reference cases of chat templates: what transformers writes, tokenises and masks.

    python chat.py        writes the folder chat beside this script

A template here is a short one in the manner of a published family, in two forms: as it is published, and with
`{% generation %}` around what the assistant writes. Both must give the same text; the second gives the mask. See README.md
beside this script.
"""

import json
from pathlib import Path

import transformers
from tokenizers import AddedToken, Tokenizer
from transformers import PreTrainedTokenizerFast

HERE = Path(__file__).resolve().parent
FOLDER = HERE / "chat"

QUESTION = "Which is smoother?"
RATIONALE = "Ice is smooth."
SYSTEM = "Answer briefly."
# What stands around the assistant's words in the second form.
BEGIN, END = "{% generation %}", "{% endgeneration %}"

CHATML = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are a helpful AI assistant named SmolLM<|im_end|>\n' }}{% endif %}"
    "{{ '<|im_start|>' + message['role'] + '\n' }}{% if message['role'] == 'assistant' %}BEGIN"
    "{{ message['content'] + '<|im_end|>' }}END{% else %}{{ message['content'] + '<|im_end|>' }}{% endif %}{{ '\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)

LLAMA_3 = (
    "{{- bos_token }}\n"
    "{%- if messages[0]['role'] == 'system' %}\n"
    "    {%- set system_message = messages[0]['content'] | trim %}\n"
    "    {%- set messages = messages[1:] %}\n"
    "{%- else %}\n"
    "    {%- set system_message = '' %}\n"
    "{%- endif %}\n"
    "{{- '<|start_header_id|>system<|end_header_id|>\n\n' }}\n"
    "{{- 'Today Date: 26 Jul 2024\n\n' }}\n"
    "{{- system_message }}\n"
    "{{- '<|eot_id|>' }}\n"
    "{%- for message in messages %}\n"
    "    {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' }}\n"
    "    {%- if message['role'] == 'assistant' %}BEGIN{{- message['content'] | trim + '<|eot_id|>' }}END\n"
    "    {%- else %}{{- message['content'] | trim + '<|eot_id|>' }}{%- endif %}\n"
    "{%- endfor %}\n"
    "{%- if add_generation_prompt %}\n"
    "    {{- '<|start_header_id|>assistant<|end_header_id|>\n\n' }}\n"
    "{%- endif %}\n"
)

QWEN_2_5 = (
    "{%- if messages[0]['role'] == 'system' %}\n"
    "    {{- '<|im_start|>system\n' + messages[0]['content'] + '<|im_end|>\n' }}\n"
    "{%- else %}\n"
    "    {{- '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n' }}\n"
    "{%- endif %}\n"
    "{%- for message in messages %}\n"
    "    {%- if (message.role == 'user') or (message.role == 'system' and not loop.first) %}\n"
    "        {{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>' + '\n' }}\n"
    "    {%- elif message.role == 'assistant' %}\n"
    "        {{- '<|im_start|>' + message.role + '\n' }}BEGIN{{- message.content + '<|im_end|>' }}END{{- '\n' }}\n"
    "    {%- endif %}\n"
    "{%- endfor %}\n"
    "{%- if add_generation_prompt %}\n"
    "    {{- '<|im_start|>assistant\n' }}\n"
    "{%- endif %}\n"
)

QWEN_3 = (
    "{%- if messages[0].role == 'system' %}\n"
    "    {{- '<|im_start|>system\n' + messages[0].content + '<|im_end|>\n' }}\n"
    "{%- endif %}\n"
    "{%- set ns = namespace(last_query_index=messages|length - 1, searching=true) %}\n"
    "{%- for message in messages[::-1] %}\n"
    "    {%- set index = (messages|length - 1) - loop.index0 %}\n"
    "    {%- if ns.searching and message.role == 'user' and message.content is string"
    " and not(message.content.startswith('<tool_response>') and message.content.endswith('</tool_response>')) %}\n"
    "        {%- set ns.searching = false %}\n"
    "        {%- set ns.last_query_index = index %}\n"
    "    {%- endif %}\n"
    "{%- endfor %}\n"
    "{%- for message in messages %}\n"
    "    {%- set content = message.content %}\n"
    "    {%- if message.role == 'user' or (message.role == 'system' and not loop.first) %}\n"
    "        {{- '<|im_start|>' + message.role + '\n' + content + '<|im_end|>' + '\n' }}\n"
    "    {%- elif message.role == 'assistant' %}\n"
    "        {%- set reasoning = '' %}\n"
    "        {%- if '</think>' in content %}\n"
    "            {%- set reasoning = content.split('</think>')[0].rstrip('\n').split('<think>')[-1].lstrip('\n') %}\n"
    "            {%- set content = content.split('</think>')[-1].lstrip('\n') %}\n"
    "        {%- endif %}\n"
    "        {{- '<|im_start|>' + message.role + '\n' }}BEGIN\n"
    "        {%- if loop.index0 > ns.last_query_index and (loop.last or reasoning) %}\n"
    "            {{- '<think>\n' + reasoning.strip('\n') + '\n</think>\n\n' + content.lstrip('\n') }}\n"
    "        {%- else %}\n"
    "            {{- content }}\n"
    "        {%- endif %}\n"
    "        {{- '<|im_end|>' }}END{{- '\n' }}\n"
    "    {%- endif %}\n"
    "{%- endfor %}\n"
    "{%- if add_generation_prompt %}\n"
    "    {{- '<|im_start|>assistant\n' }}\n"
    "    {%- if enable_thinking is defined and enable_thinking is false %}\n"
    "        {{- '<think>\n\n</think>\n\n' }}\n"
    "    {%- endif %}\n"
    "{%- endif %}\n"
)

GEMMA = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for message in messages %}"
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
    "{% if message['role'] == 'assistant' %}{{ '<start_of_turn>model\n' }}BEGIN{{ message['content'] | trim }}"
    "{{ '<end_of_turn>' }}END{{ '\n' }}{% else %}"
    "{{ '<start_of_turn>' + message['role'] + '\n' + message['content'] | trim + '<end_of_turn>\n' }}{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
)

MISTRAL = (
    "{%- if messages[0]['role'] == 'system' %}{%- set system_message = messages[0]['content'] %}"
    "{%- set loop_messages = messages[1:] %}{%- else %}{%- set loop_messages = messages %}{%- endif %}{{- bos_token }}"
    "{%- for message in loop_messages %}{%- if message['role'] == 'user' %}"
    "{%- if loop.last or loop.nextitem is defined and loop.index0 == loop_messages | length - 2 %}"
    "{{- '[INST] ' + (system_message + '\n\n' if system_message is defined else '') + message['content'] + '[/INST]' }}"
    "{%- else %}{{- '[INST] ' + message['content'] + '[/INST]' }}{%- endif %}"
    "{%- elif message['role'] == 'assistant' %}BEGIN{{- ' ' + message['content'] | trim + eos_token }}END"
    "{%- else %}{{- raise_exception('After the optional system message, roles must alternate user and assistant') }}"
    "{%- endif %}{%- endfor %}"
)

# Family: the tokenizer it grows out of, the tokens it adds, its names of special tokens, its template, and whether it takes a
# system message.
FAMILIES = {
    "chatml": ("gpt2", ["<|im_start|>", "<|im_end|>"], {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>"}, CHATML, True),
    "llama-3": ("llama-3", ["<|start_header_id|>", "<|end_header_id|>"],
                {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>"}, LLAMA_3, True),
    "qwen-2.5": ("gpt2", ["<|im_start|>", "<|im_end|>"], {"eos_token": "<|im_end|>"}, QWEN_2_5, True),
    "qwen-3": ("gpt2", ["<|im_start|>", "<|im_end|>", "<think>", "</think>"], {"eos_token": "<|im_end|>"}, QWEN_3, True),
    "gemma": ("gemma", ["<start_of_turn>", "<end_of_turn>"], {"bos_token": "<bos>", "eos_token": "<eos>"}, GEMMA, False),
    "mistral": ("mistral", ["[INST]", "[/INST]"], {"bos_token": "<s>", "eos_token": "</s>"}, MISTRAL, True),
}

MARKED = "[FIN_LABEL] B [FIN_LABEL]"
# Answers: how they are described to Retort, and what the assistant's message is.
ANSWERS = [
    ({"placement": "none"}, MARKED),
    ({"placement": "before"}, f"{RATIONALE} {MARKED}"),
    ({"placement": "after"}, f"{MARKED} {RATIONALE}"),
    ({"placement": "before", "answer_form": "The answer is {answer}."}, f"{RATIONALE} The answer is B."),
    ({"placement": "before", "think": {"open": "<think>", "close": "</think>"}},
     f"<think>{RATIONALE}</think> {MARKED}"),
]


def tokenizer_of(family: str) -> tuple[Tokenizer, dict]:
    """The tokenizer of a family, with the names of its special tokens."""
    base, added, special, _, _ = FAMILIES[family]
    tokenizer = Tokenizer.from_file(str(HERE.parent / "tokenizers" / f"{base}.json"))
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in added])
    return tokenizer, special


def cases_of(family: str) -> list[dict]:
    """The cases of a family."""
    tokenizer, special = tokenizer_of(family)
    *_, template, takes_system = FAMILIES[family]
    published = template.replace("BEGIN", "").replace("END", "")
    marked = template.replace("BEGIN", BEGIN).replace("END", END)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special)
    cases = []
    for system in [None, SYSTEM] if takes_system else [None]:
        for answer, content in ANSWERS:
            asked = [{"role": "system", "content": system}] if system else []
            asked.append({"role": "user", "content": QUESTION})
            said = [*asked, {"role": "assistant", "content": content}]
            texts = [fast.apply_chat_template(said, chat_template=one, tokenize=False) for one in (published, marked)]
            assert texts[0] == texts[1], family
            prompt = fast.apply_chat_template(
                asked, chat_template=published, add_generation_prompt=True, return_dict=True)["input_ids"]
            whole = fast.apply_chat_template(
                said, chat_template=marked, return_dict=True, return_assistant_tokens_mask=True)
            plain = fast.apply_chat_template(said, chat_template=published, return_dict=True)["input_ids"]
            assert plain == whole["input_ids"], family
            cases.append({
                "family": family, "system": system, **answer,
                "prompt_ids": list(prompt), "ids": list(plain), "mask": list(whole["assistant_masks"]),
            })
    return cases


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    families = {}
    for family in FAMILIES:
        tokenizer, special = tokenizer_of(family)
        text = json.dumps(json.loads(tokenizer.to_str()), ensure_ascii=False, separators=(",", ":"))
        (FOLDER / f"{family}.json").write_text(text + "\n", encoding="utf-8")
        template = FAMILIES[family][3]
        families[family] = {
            "special": special,
            "published": template.replace("BEGIN", "").replace("END", ""),
            "marked": template.replace("BEGIN", BEGIN).replace("END", END),
        }
    made = {
        "transformers": transformers.__version__,
        "question": QUESTION,
        "rationale": RATIONALE,
        "families": families,
        "cases": [case for family in FAMILIES for case in cases_of(family)],
    }
    text = json.dumps(made, ensure_ascii=False, indent=1)
    # Lists of numbers on one line.
    lines, inside = [], None
    for line in text.split("\n"):
        if line.endswith("[") and line.strip().split('"')[1:2] in (["prompt_ids"], ["ids"], ["mask"]):
            inside = [line]
        elif inside is not None:
            inside.append(line.strip())
            if line.strip() in ("]", "],"):
                lines.append("".join(inside).replace(",", ", ").replace("], ", "],"))
                inside = None
        else:
            lines.append(line)
    (FOLDER / "cases.json").write_text("\n".join(lines) + "\n", encoding="utf-8")


main()
