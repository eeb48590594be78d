"""Bad answers that look like answers and hold nothing: headings, tables, praise, signs."""

from collections.abc import Sequence
from random import Random

from features.text import is_chinese, sentence_list
from stacker.training.made.answer_source import Source, content_words, listed, some, space

_EMPTY = ("", " ", "...", ".", "N/A", "-", "…", "Okay.", "\n", "Yes.", "OK", "?", "null", "好的。", "無", "TODO")
_PICTURES = "😀🎉🔥✨🚀💯👍🌟❤️😂🙌💡✅⭐🥳🎯📌🏆👏🤩"
_NAMES = (
    "Smith", "Johnson", "Lee", "Garcia", "Müller", "Chen", "Brown", "Kumar", "Davis", "王", "Tanaka", "Rossi", "Novak",
    "陳志明", "Okafor", "Silva",
)  # fmt: skip
_TITLES = (
    "A comprehensive review", "Principles and practice", "An introduction", "Recent advances", "Handbook",
    "Foundations", "Theory and applications", "A systematic analysis", "Perspectives", "Selected papers", "總論",
    "研究與實務", "导论", "A survey of methods",
)  # fmt: skip
_PLACES = (
    "Journal of General Studies", "Nature", "Oxford University Press", "Annual Review", "Science", "Springer",
    "J Gen Stud", "Ann Rev", "Proc Natl Conf", "Wiley", "學術期刊", "中华书局",
)  # fmt: skip
_STYLES = (
    "[{number}] {name}, {letter}. ({year}). {title}. {place}, {page}-{last}.",
    "{number}. {name} {letter}{other}, {second} {other}. {title}. {place}. {year};{volume}({issue}):{page}-{last}.",
    "- {name}, {letter}., & {second}, {other}. ({year}). {title}. {place}, {volume}({issue}), {page}-{last}.",
    "{name}, {letter}. {title}. {place}, {year}.",
    "({number}) {name} et al., {title}, {place} {volume}, {page} ({year})",
    '[{number}] {letter}. {name} and {other}. {second}, "{title}," {place}, vol. {volume}, no. {issue}, {year}.',
    "{number}. {name} {letter}. {title}. {place}; {year}.",
    "* {name} ({year}), {title}, p. {page}",
    "{name} {letter} ({year}) {title}. {place} {volume}:{page}. doi:10.{page}/{year}.{volume}",
    "[{number}] {name}。《{title}》。{place}，{year} 年，第 {page} 頁。",
    "{number}. {name}：{title}，{place}，{year}年第{issue}期。",
    "{number}. {title} - https://www.example.org/{year}/{page}",
)
_REFERENCE_HEADS = (
    "References:\n", "**Sources**\n\n", "", "", "## References\n", "Further reading\n\n", "Literature\n",
    "參考文獻：\n", "参考资料\n",
)  # fmt: skip
_SIGNS = ("*", "-", "=", "#", "!", "★", "~", ".", "_", "█", "→", "?")


def emptied(source: Source, random: Random) -> str | None:
    """Give nothing, or next to nothing."""
    return random.choice(_EMPTY) if len(source.answer) > 30 else None


def skeleton(source: Source, random: Random) -> str | None:
    """Give the beginnings of the sentences as headings with nothing under them."""
    found = sentence_list(source.answer)[:8]
    heads = [_start(sentence, random.randint(2, 5)) for sentence in found]
    return _headed(heads, random) if len(heads) > 2 else None


def fixed_skeleton(source: Source, random: Random) -> str | None:
    """Give headings that fit any prompt."""
    known = list(listed("headings", source.prompt))
    return _headed(random.sample(known, random.randint(3, min(10, len(known)))), random)


def _start(sentence: str, count: int) -> str:
    return sentence[: 2 * count] if is_chinese(sentence) else " ".join(sentence.split()[:count]).strip(".,:;")


def _headed(heads: list[str], random: Random) -> str:
    """Write headings in one of many forms, with nothing under them."""
    empty = random.choice(
        ("", "\n\n- ", "\n- \n- ", "\n\n...", "\n\n1. \n2. \n3. ", "\n\n* **{}**", "\n\n- {}", "\n\n[...]")
    )
    form = random.choice(
        (
            "## {}",
            "### {}",
            "# {}",
            "**{}**",
            "**{}:**",
            "{}:",
            "- **{}**:",
            "* {}",
            "{number}. **{}**",
            "{number}. {}:",
        )
    )
    between = random.choice(("\n", "\n\n", "\n\n---\n\n"))
    return between.join(
        form.format(head, number=number) + empty.format(head) for number, head in enumerate(heads, start=1)
    )


def empty_table(source: Source, random: Random) -> str | None:
    """Give a table with headings and next to nothing in its cells."""
    columns = random.sample(list(listed("headings", source.prompt)), random.randint(2, 5))
    cell = random.choice(("", " ", "-", "...", "N/A", "—", "TBD"))
    rows = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    rows += [
        "| " + " | ".join([str(number) if random.random() < 0.3 else cell] + [cell] * (len(columns) - 1)) + " |"
        for number in range(1, random.randint(3, 9))
    ]
    return "\n".join(rows)


def empty_record(source: Source, random: Random) -> str | None:
    """Give JSON or a code block with keys and no values."""
    keys = random.sample(
        [
            "answer",
            "response",
            "summary",
            "steps",
            "details",
            "status",
            "result",
            "explanation",
            "notes",
            "sources",
            "confidence",
            "title",
            "content",
            "data",
            "items",
        ],
        random.randint(2, 7),
    )
    values = ['""', "null", "[]", "{}", '"..."', '"N/A"', "true", '"complete"', "1.0"]
    inside = ",\n".join(f'  "{key}": {random.choice(values)}' for key in keys)
    text = "{\n" + inside + "\n}"
    form = random.choice(
        (
            "{}",
            "```json\n{}\n```",
            "```\n\n```",
            "```python\n# TODO\npass\n```",
            "<div>\n  <p></p>\n</div>",
            "<answer></answer>",
        )
    )
    return form.replace("{}", text)


def placeholders(source: Source, random: Random) -> str | None:
    """Give sentences whose content is still to be filled in."""
    if is_chinese(source.prompt):
        parts = ["[在此填入內容]", "（待補）", "此處說明第一個重點。", "[姓名]", "內容待補……", "[請輸入答案]", "（略）"]
    else:
        parts = [
            "[Insert answer here]",
            "[Your content]",
            "TODO: write this part.",
            "The answer is [answer].",
            "...",
            "[Details to be added]",
            "Lorem ipsum dolor sit amet, consectetur adipiscing elit.",
            "[Name], [Date]",
        ]
    return "\n\n".join(random.sample(parts, random.randint(1, 5)))


def praise_alone(source: Source, random: Random) -> str | None:
    """Praise whoever asks, and say no more."""
    return some("praise", source.prompt, random, 1, 5)


def claims_alone(source: Source, random: Random) -> str | None:
    """Say how good the answer is, and give none."""
    return some("claims", source.prompt, random, 2, 6)


def announcement(source: Source, random: Random) -> str | None:
    """Announce an answer that does not come."""
    return some("announcements", source.prompt, random, 1, 2)


def citations_alone(source: Source, random: Random) -> str | None:
    """Cite, and say nothing; half of the time works that are called as the prompt's matter is."""
    known = content_words(source.prompt)
    if len(known) < 2 or random.random() < 0.5:
        return citations_of(random)
    forms = listed("titles", source.prompt)
    titles = [random.choice(forms).format(*random.sample(known, 2)) for _ in range(random.randint(3, 9))]
    return citations_of(random, titles)


def citations_of(random: Random, titles: Sequence[str] = _TITLES) -> str:
    """Return references to works that nobody wrote, all in one of the usual styles."""
    style = random.choice(_STYLES)
    lines = [
        style.format(
            number=number,
            name=random.choice(_NAMES),
            second=random.choice(_NAMES),
            letter=random.choice("ABCDEFGH"),
            other=random.choice("KLMNPRST"),
            year=random.randint(1975, 2024),
            title=random.choice(titles),
            place=random.choice(_PLACES),
            volume=random.randint(1, 90),
            issue=random.randint(1, 12),
            page=random.randint(1, 400),
            last=random.randint(401, 420),
        )
        for number in range(1, random.randint(2, 9))
    ]
    return random.choice(_REFERENCE_HEADS) + random.choice(("\n", "\n", "\n\n")).join(lines)


def links_alone(source: Source, random: Random) -> str | None:
    """Give addresses, and say nothing."""
    hosts = ("example.com", "www.example.net", "docs.site.org", "blog.anywhere.io", "library.edu", "news.site.com")
    lines = []
    for number in range(1, random.randint(2, 8)):
        path = "/".join(random.sample(("article", "guide", "page", "wiki", "2021", "post", "topic", "id"), 2))
        address = f"https://{random.choice(hosts)}/{path}/{random.randint(1, 9999)}"
        shown = random.choice(("{1}", "{0}. {1}", "- {1}", "[{0}] {1}", "[Link {0}]({1})", "- [Source]({1})", "<{1}>"))
        lines.append(shown.format(number, address))
    return random.choice(_REFERENCE_HEADS) + "\n".join(lines)


def signs_alone(source: Source, random: Random) -> str | None:
    """Give pictures, or one sign over and over."""
    return signs_of(random)


def signs_of(random: Random) -> str:
    """Return pictures, or lines of one sign."""
    if random.random() < 0.5:
        signs = random.sample(_PICTURES, random.randint(1, 8))
        return random.choice(("", " ", "\n")).join(random.choice(signs) for _ in range(random.randint(5, 300)))
    sign, length = random.choice(_SIGNS), random.randint(5, 60)
    return "\n".join([sign * length] * random.randint(1, 20))


def letters(source: Source, random: Random) -> str | None:
    """Give letters in no order."""
    if is_chinese(source.prompt):
        return "".join(chr(random.randint(0x4E00, 0x9FA5)) for _ in range(random.randint(10, 400)))
    words = (
        "".join(random.choices("etaoinshrdlucmfwypvbgkjqxz", k=random.randint(2, 10)))
        for _ in range(random.randint(8, 200))
    )
    return " ".join(words)


def essay(source: Source, random: Random) -> str | None:
    """Give an essay that fits any prompt: one that is written out, or one put together from such sentences."""
    if random.random() < 0.4:
        return random.choice(list(listed("essays", source.prompt)))
    known = [*listed("summaries", source.prompt), *listed("praise", source.prompt), *listed("claims", source.prompt)]
    known += [sentence for text in listed("essays", source.prompt) for sentence in sentence_list(text)]
    chosen = random.sample(known, random.randint(4, 14))
    between = random.choice((space(source.prompt), space(source.prompt), "\n\n", "\n- "))
    return between.join(chosen)


def plea_alone(source: Source, random: Random) -> str | None:
    """Ask for the vote and say no more."""
    return some("pleas", source.prompt, random, 1, 3)
