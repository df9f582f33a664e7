"""Answers prompts greedily with transformers, as the JSON on stdin says: {"directory", "prompts", "max_new"}."""

import json
import sys

import torch
import transformers

job = json.load(sys.stdin)
tokenizer = transformers.AutoTokenizer.from_pretrained(job["directory"])
model = transformers.AutoModelForCausalLM.from_pretrained(job["directory"], dtype=torch.float32)
texts = []
for prompt in job["prompts"]:
    chat = [{"role": "user", "content": prompt}]
    text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    ids = tokenizer(text, return_tensors="pt", add_special_tokens=False)
    with torch.no_grad():
        out = model.generate(**ids, do_sample=False, max_new_tokens=job["max_new"], repetition_penalty=1.0)
    texts.append(tokenizer.decode(out[0, ids["input_ids"].shape[1]:], skip_special_tokens=True))
json.dump(texts, sys.stdout)
