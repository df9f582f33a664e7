"""The numbers of a case, as transformers, PyTorch and captum come to them.

Each function takes a model and ids and returns named values; none reads or writes a file. Everything is computed on the
CPU in single precision with dropout off.
"""

from copy import deepcopy
from dataclasses import dataclass

import torch
from captum.attr import IntegratedGradients
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedModel

# A number, a list of numbers or a tensor, by its name in the case.
Values = dict[str, Tensor | list[float] | float]

# Tokens that generation adds to the first half of each sequence.
GREEDY_TOKENS = 16
# Steps of training, of a tuned lens as well.
STEPS = 8
LR = 3e-3
LENS_LR = 1.0
LENS_MOMENTUM = 0.9
IG_STEPS = 50
METHODS = ("gausslegendre", "riemann_right")
# Where architectures keep the norm before their head.
FINAL_NORMS = ("norm", "ln_f", "final_layernorm", "final_layer_norm", "decoder.final_layer_norm")


@dataclass(frozen=True)
class Inputs:
    """The ids that a case runs on."""

    # The sequences that are read: [rows, tokens].
    ids: Tensor
    # Four batches to train on: [batch, rows, tokens]; `labels` is -100 where there is no loss.
    sft_ids: Tensor
    sft_labels: Tensor
    sft_lengths: Tensor
    # What is attributed: the token `target` after `ig_ids`, at the last position.
    ig_ids: Tensor
    target: int


def every_value(model: PreTrainedModel, inputs: Inputs) -> Values:
    """All numbers of a case. The model is left as it was."""
    trained = deepcopy(model)
    values = forward(model, inputs) | greedy(model, inputs) | tuned_lens(model, inputs)
    values |= train(trained, inputs)
    return values | integrated_gradients(trained, inputs)


def forward(model: PreTrainedModel, inputs: Inputs) -> Values:
    """Logits and hidden states."""
    with torch.no_grad():
        out = model(inputs.ids, output_hidden_states=True)
    states = {f"hidden.{layer}": state for layer, state in enumerate(out.hidden_states)}
    return {"logits": out.logits, **states, "parameters": float(model.num_parameters())}


def greedy(model: PreTrainedModel, inputs: Inputs) -> Values:
    """The likeliest continuation of the first half of each sequence. No token ends it."""
    prompts = inputs.ids[:, : inputs.ids.shape[1] // 2]
    model.generation_config.eos_token_id = None
    made = model.generate(
        prompts,
        attention_mask=torch.ones_like(prompts),
        max_new_tokens=GREEDY_TOKENS,
        do_sample=False,
        pad_token_id=0,
    )
    return {"greedy_ids": made}


def linear_decay(lr: float) -> list[float]:
    """The rate before each step, on its way to zero."""
    return [lr * (STEPS - step) / STEPS for step in range(STEPS)]


def train(model: PreTrainedModel, inputs: Inputs) -> Values:
    """Fine-tunes the model itself with AdamW; step k takes batch k mod 4."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=LR, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: max(0.0, (STEPS - step) / STEPS))
    losses, norms, rates = [], [], []
    for step in range(STEPS):
        batch = step % len(inputs.sft_ids)
        # Padding is on the right and carries no loss, so that a causal model needs no mask.
        loss = model(input_ids=inputs.sft_ids[batch], labels=inputs.sft_labels[batch]).loss
        optimizer.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        losses.append(loss.item())
        norms.append(norm.item())
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        logits = model(inputs.ids).logits
    return {
        "sft.loss": losses,
        "sft.grad_norm_before_clipping": norms,
        "sft.lr": rates,
        "sft.logits_after": logits,
    }


def integrated_gradients(model: PreTrainedModel, inputs: Inputs) -> Values:
    """Captum's integrated gradients of the target over the input embeddings, from the embedding that is zero."""
    with torch.no_grad():
        embeddings = model.get_input_embeddings()(inputs.ig_ids[None])

    def logit(embedded: Tensor) -> Tensor:
        return model(inputs_embeds=embedded).logits[:, -1, inputs.target]

    def log_probability(embedded: Tensor) -> Tensor:
        return model(inputs_embeds=embedded).logits[:, -1].log_softmax(-1)[:, inputs.target]

    values: Values = {}
    for function_name, function in (("logit", logit), ("logprob", log_probability)):
        for method in METHODS:
            given, delta = IntegratedGradients(function).attribute(
                embeddings,
                baselines=torch.zeros_like(embeddings),
                n_steps=IG_STEPS,
                method=method,
                return_convergence_delta=True,
            )
            name = f"ig.{function_name}.{method}"
            values[f"{name}.per_token_sum"] = given[0].sum(-1).float()
            values[f"{name}.per_token_l2"] = given[0].norm(dim=-1).float()
            values[f"{name}.convergence_delta"] = delta.item()
    return values


def tuned_lens(model: PreTrainedModel, inputs: Inputs) -> Values:
    """Trains a translator h + A h + b for every layer but the last, on all sequences at once."""
    with torch.no_grad():
        out = model(inputs.ids, output_hidden_states=True)
    states = torch.stack(out.hidden_states[:-1])
    last = out.logits.log_softmax(-1).expand(len(states), -1, -1, -1)
    layers, width = len(states), states.shape[-1]
    slope = torch.zeros(layers, width, width, requires_grad=True)
    offset = torch.zeros(layers, width, requires_grad=True)
    optimizer = torch.optim.SGD(
        [slope, offset],
        lr=LENS_LR * (1.0 - LENS_MOMENTUM),
        momentum=LENS_MOMENTUM,
        weight_decay=1e-3,
        nesterov=True,
    )
    divergences, norms, rates = [], [], linear_decay(LENS_LR * (1.0 - LENS_MOMENTUM))
    for rate in rates:
        optimizer.param_groups[0]["lr"] = rate
        moved = states + torch.einsum("lrti,loi->lrto", states, slope) + offset[:, None, None]
        # [layers, rows, tokens]
        divergence = functional.kl_div(read_off(model, moved), last, log_target=True, reduction="none").sum(-1)
        optimizer.zero_grad()
        # The layers are trained side by side: each has a mean of its own.
        divergence.mean((1, 2)).sum().backward()
        norm = nn.utils.clip_grad_norm_([slope, offset], 1.0)
        optimizer.step()
        divergences.append(divergence.mean().item())
        norms.append(norm.item())
    return {"lens.divergence": divergences, "lens.grad_norm": norms, "lens.lr": rates}


def read_off(model: PreTrainedModel, states: Tensor) -> Tensor:
    """Log-probabilities of the vocabulary by the model's own norm and head, with what it does to logits."""
    hidden = final_norm(model)(states)
    project = getattr(getattr(model.base_model, "decoder", None), "project_out", None)
    if project is not None:
        hidden = project(hidden)
    logits = model.get_output_embeddings()(hidden)
    logits = logits / (getattr(model.config, "logits_scaling", None) or 1.0)
    cap = getattr(model.config, "final_logit_softcapping", None)
    if cap is not None:
        logits = cap * torch.tanh(logits / cap)
    return logits.log_softmax(-1)


def final_norm(model: PreTrainedModel) -> nn.Module:
    """The norm before the head; nothing in OPT whose blocks end with a norm."""
    if getattr(model.config, "do_layer_norm_before", True) is False:
        return nn.Identity()
    modules = dict(model.base_model.named_modules())
    for name in FINAL_NORMS:
        if name in modules:
            return modules[name]
    raise LookupError(f"{model.config.model_type} has no final norm among {FINAL_NORMS}; add its name to FINAL_NORMS")
