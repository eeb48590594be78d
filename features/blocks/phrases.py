"""Phrases that mark an assistant's style: English, Chinese, and some of the other languages people write in."""

import re
from collections.abc import Sequence
from itertools import chain, repeat

import numpy as np
from numpy.typing import NDArray

from features.text import BEFORE_CJK, PIECE, blocks_of, code_points

# Phrases of words: lower case, straight apostrophes; found word by word, so that line breaks and signs do not matter.
_SPOKEN = {
    "refusal": """
        i cannot | i can't | i can not | i am unable | i'm unable | i am not able | i'm not able | i won't | i will not
        we cannot | cannot fulfill | can't fulfill | cannot assist | can't assist | cannot provide | can't provide
        cannot help | can't help with | unable to provide | unable to assist | i must decline | have to decline
        not appropriate | inappropriate | against my programming | goes against | not comfortable
        no puedo | je ne peux pas | ich kann nicht | ich kann keine | ich kann leider | não posso | non posso
        не могу | я не могу | не можу | nie mogę | 할 수 없습니다 | tidak dapat
    """,
    "apology": """
        sorry | apologize | apologise | apologies | my mistake | forgive me | regret to
        lo siento | disculpa | disculpe | désolé | désolée | entschuldigung | tut mir leid | desculpe | sinto muito
        извините | к сожалению | mi dispiace | przepraszam | 죄송합니다 | maaf
    """,
    "identity": """
        as an ai | as a language model | as a large language model | as an artificial intelligence | as an assistant
        i'm an ai | i am an ai | i'm just an ai | i am just an ai | i'm a language model | i am a language model
        i'm a large language model | i am a large language model | ai language model | ai assistant | i am chatgpt
        i'm chatgpt | developed by openai | trained by openai | created by openai | made by anthropic
        created by anthropic | trained by anthropic | by meta ai | trained by google | i'm claude | i am claude
        i'm vicuna | i am vicuna | my name is vicuna | i'm gpt | i am gpt | i'm bard | i am bard | i'm gemini
        i am gemini | i'm llama | i am llama | i am open assistant | i'm koala | i am koala | my training data
        knowledge cutoff | my last update | i don't have personal | i do not have personal | i don't have feelings
        i don't have access to | i do not have access to | i don't have real
        modelo de lenguaje | como una ia | como uma ia | modelo de linguagem | en tant qu'ia | modèle de langage
        als ki | sprachmodell | языковая модель | как ии | 언어 모델 | model bahasa
    """,
    "flattery": """
        great question | good question | excellent question | interesting question | fantastic question | what a great
        what a wonderful | that's a great | that's an excellent | that's an interesting | i'm glad you | good point
        excellent point | great idea | great choice | buena pregunta | bonne question | gute frage | ótima pergunta
        хороший вопрос | boa pergunta | ottima domanda
    """,
    "offer": """
        let me know | feel free | if you have any | if you need | hope this helps | hope that helps | happy to help
        would you like | do you have any | is there anything | can i help | can help you | don't hesitate
        any other questions | any further questions | more information | good luck
        espero que | n'hésitez pas | zögern sie nicht | дайте знать | fique à vontade | no dudes | no dude
    """,
    "hedge": """
        i think | i believe | it seems | it is possible | it's possible | it depends | in general | as far as i know
        important to note | worth noting | keep in mind | please note | to my knowledge | my opinion
        maybe | perhaps | possibly | probably | might | may | could | likely | unlikely | generally | typically
        usually | often | sometimes | somewhat | apparently | roughly | approximately | arguably | seems
        appears | suggests | tends
    """,
    "first person": """
        i | i'm | i'd | i'll | i've | me | my | mine | myself | we | we're | we've | we'll | us | our | ours
    """,
    "second person": "you | you're | you'd | you'll | you've | your | yours | yourself",
    "connective": """
        however | therefore | moreover | furthermore | additionally | overall | finally | first | firstly | second
        secondly | third | lastly | conclusion | summary | example | instance | because | although | thus | hence
        meanwhile | ultimately
    """,
    "negation": """
        not | no | never | none | nothing | neither | nor | cannot | can't | don't | doesn't | didn't | won't | isn't
        aren't | wasn't | weren't | wouldn't | shouldn't | couldn't | hasn't | haven't | hadn't | without
    """,
}
# Phrases of Chinese and Japanese, which put no space between words; found as they stand.
_UNSPACED = {
    "refusal": "我无法 | 我不能 | 无法提供 | 不能提供 | 无法回答 | 没有能力 | 无法满足 | 無法 | できません",
    "apology": "抱歉 | 对不起 | 很遗憾 | 對不起 | 請原諒 | 申し訳 | すみません | ごめんなさい",
    "identity": """
        作为一个ai | 作为ai | 作为一个人工智能 | 作为人工智能 | 作为一个语言模型 | 作为一名ai | 语言模型 | 人工智能助手
        語言模型 | 言語モデル | aiとして | 我是chatgpt
    """,
    "flattery": "好问题 | 很好的问题 | 好的问题 | 好問題 | 良い質問 | いい質問",
    "offer": "请告诉我 | 希望对你有 | 希望对您有 | 希望这 | 如果您 | 如果你 | 如有 | お知らせください | お役に立",
    "hedge": "可能 | 也许 | 一般来说 | 需要注意 | 请注意 | かもしれ | たぶん | おそらく",
    "first person": "我 | 私 | 僕",
    "second person": "你 | 您 | あなた",
    "connective": "但是 | 然而 | 因此 | 所以 | 首先 | 其次 | 最后 | 总之 | 例如 | しかし | したがって | まず | 例えば",
    "negation": "不 | 没有 | 沒有 | ない | ません",
}

KINDS = tuple(_SPOKEN)
"""Kinds of phrases, in the order that counts have."""
# Runs of letters and apostrophes; for texts without Chinese and Japanese there is a faster way to the same.
_WORD = re.compile(r"(?:[^\W\d_]|')+")
_SPACED = np.array(
    [c if c == 0x27 or (chr(c).isalnum() and not chr(c).isdecimal()) else 0x20 for c in range(BEFORE_CJK)], dtype="<u4"
)
_ASCII_SPACED = bytes(_SPACED[:128].astype(np.uint8)) + bytes(128)


def _listed(phrases: str) -> list[str]:
    """Split a list of phrases at bars and line ends."""
    return [phrase.strip() for phrase in re.split(r"[|\n]", phrases) if phrase.strip()]


class _Tree:
    """The phrases as a tree of their words: each phrase is a way from the root, and ends in a node.

    Attributes
    ----------
    codes : dict
        Number of each word that stands in a phrase; others, and the end of a text, have 0.
    follows : (nodes, words) int32
        Node that a word leads to from a node; 0 is nowhere, 1 the root.
    ends : (nodes, len(KINDS)) float64
        How many phrases of each kind end in a node.
    """

    def __init__(self) -> None:
        ending = [
            (tuple(phrase.split()), place) for place, kind in enumerate(KINDS) for phrase in _listed(_SPOKEN[kind])
        ]
        # A single word is of one kind, the last that lists it.
        single = {phrase: place for phrase, place in ending if len(phrase) == 1}
        phrases = [*single.items(), *(each for each in ending if len(each[0]) > 1)]
        self.codes = {word: code for code, word in enumerate(dict.fromkeys(w for p, _ in phrases for w in p), 1)}
        nodes: dict[tuple[str, ...], int] = {(): 1}
        for phrase, _ in phrases:
            for length in range(1, len(phrase) + 1):
                nodes.setdefault(phrase[:length], len(nodes) + 1)
        self.follows = np.zeros((len(nodes) + 1, len(self.codes) + 1), dtype=np.int32)
        self.ends = np.zeros((len(nodes) + 1, len(KINDS)))
        for way, node in nodes.items():
            if way:
                self.follows[nodes[way[:-1]], self.codes[way[-1]]] = node
        for phrase, place in phrases:
            self.ends[nodes[phrase], place] += 1


_TREE = _Tree()
_SIGNS = {KINDS.index(kind): _listed(phrases) for kind, phrases in _UNSPACED.items()}


def plain(text: str) -> str:
    """Return a text in lower case with straight apostrophes, as the phrases are written."""
    if text.isascii():
        return text.lower()
    # Piece by piece: to lower a text beyond ASCII, Python takes twelve bytes a character for a while.
    return "".join(map(str.lower, blocks_of(text))).replace("’", "'").replace("ʼ", "'")


def words_of(lowered: str) -> list[str]:
    """Return the words of a text as `plain` returns it: runs of letters and apostrophes."""
    if lowered.isascii():
        return lowered.encode("ascii").translate(_ASCII_SPACED).decode("ascii").split()
    codes = code_points(lowered)
    if codes.max() < BEFORE_CJK:
        return _SPACED[codes].tobytes().decode("utf-32-le").split()
    return _WORD.findall(lowered)


def count_in_words(texts: Sequence[list[str]]) -> NDArray[np.int64]:
    """Count the phrases of each of `KINDS` in n texts given by their words: (n, len(KINDS))."""
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    words = chain.from_iterable(texts)
    codes = np.fromiter(map(_TREE.codes.get, words, repeat(0)), np.int32, int(lengths.sum()))
    # A word that is in no phrase stands between two texts.
    codes = np.insert(codes, np.cumsum(lengths), 0)
    ends = np.cumsum(lengths + 1)
    at = np.flatnonzero(codes)
    nodes = np.ones(len(at), dtype=np.int32)
    found = np.zeros((len(texts), len(KINDS)))
    while len(at):
        nodes = _TREE.follows[nodes, codes[at]]
        alive = np.flatnonzero(nodes)
        at, nodes = at[alive], nodes[alive]
        of = np.searchsorted(ends, at, side="right")
        ending = _TREE.ends[nodes]
        for kind in range(len(KINDS)):
            found[:, kind] += np.bincount(of, ending[:, kind], len(texts))
        at = at + 1  # the 0 behind the last text ends every walk
    return found.astype(np.int64)


def count_signs(lowered: str) -> list[int]:
    """Count the phrases of Chinese and Japanese of each of `KINDS` in a text."""
    counts = [0] * len(KINDS)
    if not lowered.isascii() and code_points(lowered).max() >= BEFORE_CJK:
        for kind, signs in _SIGNS.items():
            counts[kind] = sum(map(lowered.count, signs))
    return counts


def count_all(lowered: Sequence[str]) -> NDArray[np.int64]:
    """Count the phrases of each of `KINDS` in n texts as `plain` returns them: (n, len(KINDS))."""
    found = np.zeros((len(lowered), len(KINDS)), dtype=np.int64)
    short = [row for row, text in enumerate(lowered) if text and len(text) <= PIECE]
    found[short] = count_in_words([words_of(lowered[row]) for row in short])
    for row, text in enumerate(lowered):
        if len(text) > PIECE:
            for piece in blocks_of(text):
                found[row] += count_in_words([words_of(piece)])[0] + count_signs(piece)
        elif not text.isascii():
            found[row] += count_signs(text)
    return found


def count_phrases(lowered: str, most_words: int | None = None, last: bool = False) -> list[int]:
    """Count the phrases of each of `KINDS` in one short text.

    Parameters
    ----------
    lowered : str
        A text as `plain` returns it.
    most_words : int or None
        Look at this many words only.
    last : bool
        Whether these are the last words and not the first.
    """
    counts: list[int] = (count_in_words([some_words(lowered, most_words, last)])[0] + count_signs(lowered)).tolist()
    return counts


def some_words(lowered: str, most: int | None, last: bool = False) -> list[str]:
    """Return the first or the last words of a text, `most` at most."""
    words = words_of(lowered) if lowered else []
    if most is None:
        return words
    return words[-most:] if last else words[:most]


def has_phrase(counts: Sequence[int], kind: str) -> bool:
    """Tell whether a kind of phrase was counted."""
    return counts[KINDS.index(kind)] > 0
