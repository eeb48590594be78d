import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from checkpoints import make_generator

from pipelines.battles.built_in import sample_battles
from pipelines.chat.chat_client import ServerFault
from pipelines.chat.chat_models import open_model
from pipelines.chat.chat_params import ChatParams
from pipelines.errors import UserError
from pipelines.models.model_loading import load_generator
from stacker.learners.judges.asked_judge import ask_judge
from stacker.learners.judges.params import JudgeParams

MESSAGES = [{"role": "user", "content": "A or B?"}]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_generator(tmp_path_factory.mktemp("model"))


def test_probabilities_are_those_of_the_model_and_what_it_writes_begins_with_the_likeliest(folder):
    import torch

    model = open_model(ChatParams(model=str(folder), max_tokens=4))
    reply = model.ask(MESSAGES, tops=True)
    tokenizer, network = load_generator(folder)
    ids = tokenizer("A or B?\n\n", return_tensors="pt")
    with torch.inference_mode():
        chances = torch.log_softmax(network(**ids).logits[0, -1], dim=-1)
    best = int(chances.argmax())
    assert reply.text == tokenizer.decode([best]) and reply.tokens_in == ids["input_ids"].shape[1]
    assert reply.tops[0][reply.text] == pytest.approx(float(chances[best]), abs=1e-4)
    written = model.ask(MESSAGES, tops=False)
    assert 1 <= written.tokens_out <= 4 and written.tops == ()
    assert open_model(ChatParams(model=str(folder))).identity == model.identity
    half = open_model(ChatParams(model=str(folder), precision="bf16"))
    assert half.identity != model.identity  # what was kept in 32 bits is not taken for a reply in 16
    rounded = half.ask(MESSAGES, tops=True).tops[0]
    assert max(abs(rounded.get(token, chance) - chance) for token, chance in reply.tops[0].items()) < 0.1
    assert rounded != reply.tops[0]


def test_a_question_longer_than_its_context_is_refused_and_no_folder_is_one_sentence(folder, tmp_path):
    model = open_model(ChatParams(model=str(folder)))
    with pytest.raises(ServerFault, match="reads 256 tokens and a question has 302: show it fewer characters"):
        model.ask([{"role": "user", "content": "x" * 300}], tops=True)
    with pytest.raises(UserError, match=r"holds no language model .*config.json is missing.*base_url"):
        open_model(ChatParams(model=str(tmp_path)))


def test_weights_that_give_no_numbers_are_one_sentence(folder, tmp_path):
    from safetensors.torch import load_file, save_file

    broken = Path(shutil.copytree(folder, tmp_path / "broken"))
    weights = {name: value * float("nan") for name, value in load_file(broken / "model.safetensors").items()}
    save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match="its weights give no numbers; get it again"):
        open_model(ChatParams(model=str(broken))).ask(MESSAGES, tops=True)


def test_it_judges_in_both_orders_and_swapping_the_sides_mirrors_what_is_known(folder, tmp_path):
    config = json.loads((folder / "config.json").read_text())
    other = make_generator(tmp_path / "model")
    (other / "config.json").write_text(json.dumps(config | {"max_position_embeddings": 4096}))
    own = tmp_path / "own.txt"
    own.write_text("{prompt}\n{response_a}\n{response_b}\nA B or C?")
    params = JudgeParams(name="tiny", model=str(other), prompt=own, prompt_characters=100, answer_characters=100)
    battles = sample_battles(20).battles.iloc[:3].reset_index(drop=True)
    params = params.model_copy(update={"max_missing": 1.0})
    first = ask_judge(params, battles, tmp_path / "kept")
    turned = battles.rename(columns={"response_a": "response_b", "response_b": "response_a"})
    again = ask_judge(params, turned, tmp_path / "kept")
    assert first.told["calls"] == 6 and again.told["calls"] == 0
    straight, swapped = (each.learner().known.look_up(battles) for each in (first, again))
    for mine, turned_back in zip(straight, swapped, strict=True):
        assert np.array_equal(mine, turned_back, equal_nan=True)
