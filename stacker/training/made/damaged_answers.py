"""Bad answers that real ones are taken apart for: cut, with gaps, and with words or sentences out of their places."""

import re
from collections.abc import Callable
from random import Random

from features.text import FUNCTION_WORDS, is_chinese, sentence_list
from stacker.training.made.answer_source import Source, pieces, space

_STOPS = " .!?。！？\n"
_LITTLE_CHINESE = frozenset("的了是在也都就而及之於于把被讓让給给嗎吗呢吧著着過过地得和與与或對对從从將将會会能可")
_ALIKE = dict(
    zip(
        "aceiopsxyABCEHIKMOPTXYgnuv己未土日人大天白田木王力千牛今住候折晴情在做他們们時时間间說说話话",
        "асеіорѕхуАВСЕНІКМОРТХҮɡոսѵ已末士曰入太夭自由本玉刀干午令往侯拆睛清再作她門门寺吋問问悅锐活舌",
        strict=True,
    )
)
"""Signs, and others that look like them: of the Cyrillic alphabet and Armenian, and characters a stroke apart."""


def _long_enough(text: str, chinese: int, other: int) -> bool:
    return len(text) >= (chinese if is_chinese(text) else other)


def cut_off(source: Source, random: Random) -> str | None:
    """Break the answer off, in the middle of a sentence."""
    if not _long_enough(source.answer, 30, 80):
        return None
    part = source.answer[: int(len(source.answer) * random.uniform(0.15, 0.85))].rstrip(_STOPS)
    return part if is_chinese(part) else part.rpartition(" ")[0].rstrip(".!?,")


def cut_in_word(source: Source, random: Random) -> str | None:
    """Break the answer off in the middle of a word."""
    if not _long_enough(source.answer, 30, 80):
        return None
    return source.answer[: int(len(source.answer) * random.uniform(0.1, 0.9))].rstrip(_STOPS)


def cut_near_end(source: Source, random: Random) -> str | None:
    """Leave out how the last sentence ends, and up to a quarter of the answer before it."""
    if not _long_enough(source.answer, 30, 80):
        return None
    return source.answer[: int(len(source.answer) * random.uniform(0.75, 0.97))].rstrip(_STOPS)


def later_part(source: Source, random: Random) -> str | None:
    """Leave out how the answer begins."""
    if not _long_enough(source.answer, 40, 100):
        return None
    return source.answer[int(len(source.answer) * random.uniform(0.4, 0.8)) :].strip()


def first_sentence(source: Source, random: Random) -> str | None:
    """Keep the first sentence alone."""
    found = sentence_list(source.answer)
    return found[0] if len(found) > 3 else None


def sentences_missing(source: Source, random: Random) -> str | None:
    """Leave out a third to two thirds of the sentences, here and there."""
    found = sentence_list(source.answer)
    if len(found) < 4:
        return None
    kept = sorted(random.sample(range(len(found)), max(2, int(len(found) * random.uniform(0.33, 0.67)))))
    return random.choice((space(source.answer), "\n")).join(found[place] for place in kept)


def middle_missing(source: Source, random: Random) -> str | None:
    """Leave out the middle: a sentence goes on as another one."""
    if not _long_enough(source.answer, 30, 80):
        return None
    start = int(len(source.answer) * random.uniform(0.15, 0.4))
    return source.answer[:start] + source.answer[start + int(len(source.answer) * random.uniform(0.25, 0.5)) :]


def words_missing(source: Source, random: Random) -> str | None:
    """Leave out one word in two to five, or as many characters of Chinese."""
    share = random.uniform(0.2, 0.5)
    return _each(source, lambda piece: "" if random.random() < share else piece)


def starts_alone(source: Source, random: Random) -> str | None:
    """Keep the first half of each sentence."""
    found = sentence_list(source.answer)
    if len(found) < 3:
        return None
    between = space(source.answer)
    starts = []
    for sentence in found:
        words = pieces(sentence)
        starts.append(between.join(words[: max(1, int(len(words) * random.uniform(0.3, 0.7)))]))
    return random.choice((" ", ". ", "\n", "... ")).join(starts)


def little_words_missing(source: Source, random: Random) -> str | None:
    """Leave out most of the little words that hold a sentence together."""
    share = random.uniform(0.6, 1.0)
    little = _LITTLE_CHINESE if is_chinese(source.answer) else FUNCTION_WORDS
    return _each(source, lambda piece: "" if piece.lower() in little and random.random() < share else piece)


def marks_missing(source: Source, random: Random) -> str | None:
    """Leave out what ends sentences and parts of them, and the ends of lines."""
    if len(sentence_list(source.answer)) < 3:
        return None
    found = " ".join(re.sub(r"[^\w\s'’]|_", " ", source.answer).split())
    return found.lower() if random.random() < 0.5 else found


def look_alikes(source: Source, random: Random) -> str | None:
    """Write letters of other alphabets, and other characters, that look alike."""
    share = random.uniform(0.2, 1.0)
    signs = [_ALIKE.get(sign, sign) if random.random() < share else sign for sign in source.answer]
    changed = sum(one != before for one, before in zip(signs, source.answer, strict=True))
    return "".join(signs) if changed > 5 and changed > 0.03 * len(signs) else None


def neighbours_exchanged(source: Source, random: Random) -> str | None:
    """Exchange words with the ones behind them."""
    found = pieces(source.answer)
    if len(found) < 8:
        return None
    for place in range(0, len(found) - 1, random.choice((1, 2, 2, 3))):
        found[place], found[place + 1] = found[place + 1], found[place]
    return space(source.answer).join(found)


def words_again(source: Source, random: Random) -> str | None:
    """Write words twice or three times in a row."""
    share = random.uniform(0.15, 0.6)
    between = space(source.answer)
    return _each(
        source, lambda piece: between.join([piece] * random.randint(2, 3)) if random.random() < share else piece
    )


def words_of_another(source: Source, random: Random) -> str | None:
    """Put words of an answer to another prompt in the places of some."""
    others = pieces(source.other or "")
    share = random.uniform(0.25, 0.7)
    return _each(source, lambda piece: random.choice(others) if random.random() < share else piece) if others else None


def letters_exchanged(source: Source, random: Random) -> str | None:
    """Shuffle the letters within words; of Chinese the characters between two marks."""
    if is_chinese(source.answer):
        parts, run = [], ""
        for sign in source.answer:
            if "\u3400" <= sign <= "\u9fff":
                run += sign
            else:
                parts += [_shuffled(run, random), sign]
                run = ""
        return "".join([*parts, _shuffled(run, random)])
    return _each(source, lambda piece: _shuffled(piece, random))


def sentences_mixed_up(source: Source, random: Random) -> str | None:
    """Go on in the middle of each sentence with the end of another one."""
    found = [words for words in map(pieces, sentence_list(source.answer)) if len(words) > 3]
    if len(found) < 3:
        return None
    starts, ends = zip(*((words[: len(words) // 2], words[len(words) // 2 :]) for words in found), strict=True)
    shift = random.randint(1, len(found) - 1)
    between = space(source.answer)
    return between.join(
        between.join([*start, *end]) for start, end in zip(starts, ends[shift:] + ends[:shift], strict=True)
    )


def _each(source: Source, change: Callable[[str], str]) -> str | None:
    """Return the answer, line by line, with each word changed; None where there are few."""
    if len(pieces(source.answer)) < 12:
        return None
    between = space(source.answer)
    lines = ([change(piece) for piece in pieces(line)] for line in source.answer.splitlines())
    return "\n".join(between.join(filter(None, line)) for line in lines)


def _shuffled(text: str, random: Random) -> str:
    signs = list(text)
    random.shuffle(signs)
    return "".join(signs)
