"""Whether an answer says which model wrote it: the sides are neutral, and who reads "I am Claude" no longer is.

Chatbot Arena leaves such votes out of its ranking; it looks for names anywhere in the answer, which also takes out
answers about these companies. Here a name counts only where the sentence speaks of its own writer.

A sentence does so where some parts follow each other within a few words ("I" … "trained by" … a name). Each part is
looked for once in the whole text, and then it is only asked what stands behind what: the time is linear in the length
of a text whatever it holds, while one pattern for all of a sentence would try all of its parts with each other.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

_NAMES = (
    "chatgpt|gpt-?[345][0-9a-z_]{0,20}|openai|claude|anthropic|gemini|gemma|bard|google|deepmind|llama|meta ai|qwen|"
    "通义千问|通義千問|tongyi|alibaba|阿里巴巴|阿里云|阿里雲|mistral|mixtral|deepseek|深度求索|grok|xai|copilot|"
    "microsoft|phi-?[1234]|chatglm|glm-?[345]|"
    "zhipu|智谱|智譜|kimi|moonshot|月之暗面|ernie|文心一言|baidu|百度|doubao|豆包|字节跳动|字節跳動|bytedance|"
    "yi-?\\d{0,4}b|01\\.ai|零一万物|hunyuan|混元|tencent|腾讯|騰訊|minimax|internlm|baichuan|百川|vicuna|lmsys|koala|"
    "alpaca|falcon|command[ -]?r|cohere|dbrx|databricks|nemotron|nvidia|granite|smollm|hugging ?face|taide|breeze|"
    "聯發科|mediatek|tinyllama|openchat|open ?assistant|laion|stablelm|jamba|nova|solar|exaone"
)
_MADE = "made|built|created|developed|trained|designed|provided|offered|powered"
_MADE_ZH = "開發|开发|訓練|训练|研發|研发|創建|创建|創造|创造|打造|推出|製作|制作|提供|設計|设计"
_SELF_ZH = "我|本模型|本助理|本助手|本人"
_OWN = range(4, 41)
"""Letters that a model's own name has where it is looked for: `o1` or `my` stand in many sentences."""
LONGEST_READ = 20_000
"""Characters at the beginning and at the end that are looked at: who names herself does so when she greets or signs."""

_GREETING = re.compile(r"\b(?:i am|i['’]m|my name is|you can call me|call me|this is)\s{1,20}+", re.IGNORECASE)
_FILLER = re.compile(
    r"(?:an?|the|just|only|actually|called|named|known as|indeed|ai|a\.i\.|large|language|virtual|open-source|open|"
    r"artificial|intelligence|chat\w{0,20}|model|assistant|bot|helpful|version|of|series|from|by|and|my|name|is|"
    rf"{_MADE})[\s,:*_\"“]{{1,20}}+",
    re.IGNORECASE,
)
_MOST_FILLERS = 12
_QUOTES = re.compile(r"[*_\"“]{0,20}+")


_NAME = "a name of a model or a maker"
_NEAR, _NEAR_ZH = r"[^.!?。！？\n]{0,60}", r"[^。！？\n]{0,30}"
_SENTENCES: tuple[tuple[str, ...], ...] = (
    # as ChatGPT, I ...
    (r"\bas\s{1,9}", "", _NAME, r"[^.!?\n]{0,30}", r"\bI\b"),
    # I was made by OpenAI; a model trained by Google, I ...
    (
        *(r"\b(?:i['’]m|i['’]ve|i|myself|my|me)\b", _NEAR, rf"\b(?:{_MADE})\s{{1,9}}", r"(?:\w{1,30}\s{1,9}){0,4}"),
        *(r"(?:by|at|from)\s{1,9}", _NEAR, _NAME),
    ),
    (
        *(r"\b(?:language model|assistant|ai)\b", r"[^.!?\n]{0,40}", rf"\b(?:{_MADE})\s{{1,9}}by\s{{1,9}}"),
        *(r"(?:\w{1,30}\s{1,9}){0,3}", _NAME, _NEAR, r"\bI\b"),
    ),
    (r"\b(?:my|our)\s{1,9}(?:creators?|makers?|developers?)\b", _NEAR, _NAME),
    # 我是通義千問；我叫 Claude；我是由 OpenAI 開發的
    (rf"(?:{_SELF_ZH})\s{{0,9}}(?:是|叫|名叫|名為|名为|的名字是|的名字叫)", r"[^。！？，、；,\n]{0,30}", _NAME),
    (_SELF_ZH, _NEAR_ZH, r"(?:名叫|名為|名为|叫做|稱為|称为)\s{0,9}", "", _NAME),
    (rf"{_SELF_ZH}|模型|助理|助手", _NEAR_ZH, r"由\s{0,9}", _NEAR_ZH, _NAME, _NEAR_ZH, _MADE_ZH),
    (r"(?:作為|作为|身為|身为)\s{0,9}", _NEAR_ZH, _NAME, r"[^。！？\n]{0,12}", _SELF_ZH),
)
"""What follows each other where a sentence speaks of its writer: parts, and in between what may stand between two. All
of them are bounded in length; what may stand between two parts may also stand between the later one and its half."""


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
    names = f"{_NAMES}|{re.escape(own[1])}" if own is not None and len(own[1]) in _OWN else _NAMES
    name = _compiled(f"(?<![A-Za-z])(?:{names})(?![A-Za-z])")
    for turn in turns:
        part = turn if len(turn) <= 2 * LONGEST_READ else turn[:LONGEST_READ] + "\n" + turn[-LONGEST_READ:]
        named = [found.span() for found in name.finditer(part)]
        if named and (_greets(part, name) or any(_holds(part, sentence, named) for sentence in _SENTENCES)):
            return True
    return False


def sides_named(a: Sequence[str], b: Sequence[str], model_a: str = "", model_b: str = "") -> str:
    """Return which of two answers names its model: "", "a", "b" or "ab"."""
    return ("a" if names_itself(a, model_a) else "") + ("b" if names_itself(b, model_b) else "")


def _greets(text: str, name: re.Pattern[str]) -> bool:
    """Return whether a text holds "I am …", "my name is …" with a name behind a few words such as "an AI called"."""
    for greeting in _GREETING.finditer(text):
        at = greeting.end()
        for _ in range(_MOST_FILLERS + 1):
            quoted = _QUOTES.match(text, at)
            if name.match(text, at if quoted is None else quoted.end()):
                return True
            filler = _FILLER.match(text, at)
            if filler is None:
                break
            at = filler.end()
    return False


def _holds(text: str, sentence: Sequence[str], named: Sequence[tuple[int, int]]) -> bool:
    """Return whether the parts of a sentence follow each other in a text; `named` is where its names begin and end."""
    ends = [found.end() for found in _compiled(sentence[0]).finditer(text)]
    for between, part in zip(sentence[1::2], sentence[2::2], strict=True):
        spans = named if part is _NAME else (found.span() for found in _compiled(part).finditer(text))
        ends = list(_behind(text, ends, _compiled(between), spans))
    return bool(ends)


def _behind(
    text: str, ends: Sequence[int], between: re.Pattern[str], spans: Iterable[tuple[int, int]]
) -> Iterator[int]:
    """Yield the ends of those spans that stand behind some end with no more than `between` in between.

    The nearest end decides: what may stand behind an earlier one may stand behind it too.
    """
    before = iter(ends)
    nearest, later = -1, next(before, None)
    for start, end in spans:
        while later is not None and later <= start:
            nearest, later = later, next(before, None)
        if nearest >= 0 and between.fullmatch(text, nearest, start):
            yield end


@lru_cache(maxsize=128)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)
