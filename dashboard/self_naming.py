"""Whether an answer says which model wrote it: the sides are neutral, and who reads "I am Claude" no longer is.

Chatbot Arena leaves such votes out of its ranking; it looks for names anywhere in the answer, which also takes out
answers about these companies. Here a name counts only where the sentence speaks of its own writer.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

_NAMES = (
    "chatgpt|gpt-?[345]\\w*|openai|claude|anthropic|gemini|gemma|bard|google|deepmind|llama|meta ai|qwen|"
    "通义千问|通義千問|tongyi|alibaba|阿里巴巴|阿里云|阿里雲|mistral|mixtral|deepseek|深度求索|grok|xai|copilot|"
    "microsoft|phi-?[1234]|chatglm|glm-?[345]|"
    "zhipu|智谱|智譜|kimi|moonshot|月之暗面|ernie|文心一言|baidu|百度|doubao|豆包|字节跳动|字節跳動|bytedance|yi-?\\d*b|"
    "01\\.ai|零一万物|hunyuan|混元|tencent|腾讯|騰訊|minimax|internlm|baichuan|百川|vicuna|lmsys|koala|alpaca|falcon|"
    "command[ -]?r|cohere|dbrx|databricks|nemotron|nvidia|granite|smollm|hugging ?face|taide|breeze|聯發科|mediatek|"
    "tinyllama|openchat|open ?assistant|laion|stablelm|jamba|nova|solar|exaone"
)
_MADE = "made|built|created|developed|trained|designed|provided|offered|powered"
_MADE_ZH = "開發|开发|訓練|训练|研發|研发|創建|创建|創造|创造|打造|推出|製作|制作|提供|設計|设计"
_SELF_ZH = "我|本模型|本助理|本助手|本人"
_LEAST_OWN = 4
"""Letters that a model's own name has at least to be looked for: `o1` or `my` stand in many sentences."""
LONGEST_READ = 20_000
"""Characters at the beginning and at the end that are looked at: who names herself does so when she greets or signs."""


def names_itself(turns: Sequence[str], model: str = "") -> bool:
    """Return whether an answer names the model or the maker that it comes from.

    Parameters
    ----------
    turns : sequence of str
        The answer.
    model : str
        The model's own name, as stored with the answer; its first word is looked for too.
    """
    own = re.match(r"(?:[^/]*/)*([A-Za-z]+)", model)
    names = f"{_NAMES}|{re.escape(own[1])}" if own is not None and len(own[1]) >= _LEAST_OWN else _NAMES
    patterns = _patterns(names)
    for turn in turns:
        part = turn if len(turn) <= 2 * LONGEST_READ else turn[:LONGEST_READ] + "\n" + turn[-LONGEST_READ:]
        if any(pattern.search(part) for pattern in patterns):
            return True
    return False


def sides_named(a: Sequence[str], b: Sequence[str], model_a: str = "", model_b: str = "") -> str:
    """Return which of two answers names its model: "", "a", "b" or "ab"."""
    return ("a" if names_itself(a, model_a) else "") + ("b" if names_itself(b, model_b) else "")


@lru_cache(maxsize=64)
def _patterns(names: str) -> tuple[re.Pattern[str], ...]:
    name = f"(?<![A-Za-z])(?:{names})(?![A-Za-z])"
    near, near_zh = r"[^.!?。！？\n]{0,60}?", r"[^。！？\n]{0,30}?"
    found = (
        # I am Claude; I'm just an AI model called Qwen; my name is ...; as ChatGPT, I ...
        rf"\b(?:i am|i['’]m|my name is|you can call me|call me|this is)\s+"
        rf"(?:(?:an?|the|just|only|actually|called|named|known as|indeed|ai|a\.i\.|large|language|virtual|open-source|"
        rf"open|artificial|intelligence|chat\w*|model|assistant|bot|helpful|version|of|series|from|by|and|my|name|is|"
        rf"{_MADE})[\s,:*_\"“]+){{0,12}}[*_\"“]*{name}",
        rf"\bas\s+{name}[^.!?\n]{{0,30}}\bI\b",
        # I was made by OpenAI; a model trained by Google, I ...
        rf"\b(?:i|i['’]m|i['’]ve|me|my|myself)\b{near}\b(?:{_MADE})\s+(?:\w+\s+){{0,4}}?(?:by|at|from)\s+{near}{name}",
        rf"\b(?:language model|assistant|ai)\b[^.!?\n]{{0,40}}?\b(?:{_MADE})\s+by\s+(?:\w+\s+){{0,3}}{name}{near}\bI\b",
        rf"\b(?:my|our)\s+(?:creators?|makers?|developers?)\b{near}{name}",
        # 我是通義千問；我叫 Claude；我是由 OpenAI 開發的
        rf"(?:{_SELF_ZH})\s*(?:是|叫|名叫|名為|名为|的名字是|的名字叫)[^。！？，、；,\n]{{0,30}}?{name}",
        rf"(?:{_SELF_ZH}){near_zh}(?:名叫|名為|名为|叫做|稱為|称为)\s*{name}",
        rf"(?:{_SELF_ZH}|模型|助理|助手){near_zh}由\s*{near_zh}{name}{near_zh}(?:{_MADE_ZH})",
        rf"(?:作為|作为|身為|身为)\s*{near_zh}{name}[^。！？\n]{{0,12}}(?:{_SELF_ZH})",
    )
    return tuple(re.compile(pattern, re.IGNORECASE) for pattern in found)
