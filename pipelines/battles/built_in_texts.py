"""The words of the built-in battles: prompts, and answers that show what the drawn traits say."""

from dataclasses import dataclass
from random import Random

ASPECTS = (
    "storage", "timing", "tools", "temperature", "labelling", "spacing", "budgeting", "paperwork", "measuring",
    "lighting", "transport", "insurance", "packaging", "ventilation", "scheduling", "lubrication", "insulation",
    "seasoning", "drainage", "sanding", "wiring", "posture", "vocabulary", "rhythm", "footwear", "hydration",
    "camouflage", "navigation", "licensing", "heating", "pruning", "sharpening", "translation", "bookkeeping",
    "calibration", "filtration", "rehearsal", "upholstery", "carpentry", "fermentation",
)  # fmt: skip
"""What a prompt can ask to be covered; an answer has such a word exactly where it covers it."""
_SUBJECTS = (
    "a sourdough starter", "a touring bicycle", "a roof terrace", "a village choir", "a mountain hut",
    "a second-hand piano", "a rowing boat", "a small bakery", "a herb bed", "a photo archive", "a chess club",
    "a weather station", "a campervan", "a stone oven", "a school newspaper", "a beehive", "a workshop bench",
    "a marathon", "a coin collection", "a market stall", "a radio play", "a tool shed", "a walking tour",
    "a dance course", "a telescope", "a cider press", "a puppet theatre", "a greenhouse", "a canoe trip",
    "a film evening", "a sewing room", "a toy railway", "a rain barrel", "a street map", "a moving house",
    "a bread recipe", "a fishing rod", "a field kitchen", "a guest room", "a bell tower",
)  # fmt: skip
_TASKS = (
    "How do I set up {subject}?",
    "Explain to a beginner how to look after {subject}.",
    "Write a short guide to {subject}.",
    "What must I know before I begin with {subject}?",
    "Draw up a checklist for {subject}.",
    "My neighbour asked me about {subject}; what do I say?",
    "Compare two ways to organise {subject}.",
    "Outline a lesson about {subject}.",
)
_SETTINGS = (
    "I live in a flat without a cellar.", "There are three of us.", "It is for a class of ten-year-olds.",
    "We begin in March.", "I have two weekends.", "It will be outdoors.", "It is my first attempt.",
    "My grandmother will read it.", "The place has no electricity.", "I write from an island.",
)  # fmt: skip
_FIRST = "{task} {setting} Touch on {one}, {two}, {three} and {four}."
_TWO_FIRST = "{task} {setting} Touch on {one} and {two} for now."
_TWO_SECOND = "Go on with {three} and {four}."
_COVERING = (
    "For {aspect}, put half an hour aside each week and note every figure.",
    "{Aspect} comes ahead of everything else, so do it in the morning.",
    "With {aspect}, start from the left and work towards the right.",
    "{Aspect} takes roughly a day each fortnight, more in winter.",
    "As to {aspect}, the usual order is twice a month and once in summer.",
    "Do the {aspect} in six steps, each of them about as long as the last.",
    "When it comes to {aspect}, count to twenty and then turn it over.",
    "{Aspect} is done by a pair of people who hold an end each.",
)
_LEADS = (
    "In most cases", "As a rule", "In the north", "On weekdays", "Later on", "At this point", "From there",
    "By and large", "Over the years", "In the meantime", "Around noon", "Towards the end", "Thereupon", "Occasionally",
)  # fmt: skip
_WHO = (
    "people", "the others", "several of them", "the older people", "our colleagues", "the visitors", "both sides",
    "the locals", "the printed books", "several towns",
)  # fmt: skip
_DOES = (
    "return to the same corner", "use the longer road", "turn to the next page", "keep the blue cloth nearby",
    "rest it against the wall", "wait for the next train", "count from five to seven", "stand beside the door",
    "take the middle shelf", "switch to the other version", "glance at the third column", "move it a metre to the left",
)  # fmt: skip
_WHEN = (
    "for a while", "until Thursday", "every other day", "in the afternoon", "around the clock", "by the window",
    "at the usual hour", "between five and six", "once it is dark", "as in former times",
)  # fmt: skip
_WARM = (
    "What a wonderful and inspiring idea, I am happy to help!",
    "I love this, it is a delightful and exciting thing to do!",
    "That is an excellent and joyful thought, congratulations!",
    "How lovely, this will be a great pleasure and a perfect success!",
)
_COLD = (
    "This is a stupid and annoying thing to ask.",
    "What a boring, useless and miserable idea.",
    "That is a terrible notion and a sad waste of effort.",
    "Honestly, this is awful and I hate the idea.",
)
_REFUSALS = (
    "I cannot assist with that as an AI language model.",
    "As an AI language model, I am unable to provide that.",
    "I'm not able to answer this, as I am an AI language model.",
)
ASKED = 4
"""Aspects that each prompt asks for."""


@dataclass(frozen=True)
class Prompt:
    """A prompt's turns, and the aspects it asks for."""

    turns: tuple[str, ...]
    aspects: tuple[str, ...]


@dataclass(frozen=True)
class Traits:
    """What an answer shows: aspects covered, sentences beside the point, tone (-1, 0, 1), a list, a refusal."""

    covered: tuple[str, ...]
    beside: int
    tone: int
    listed: bool
    refuses: bool


def make_prompt(random: Random, two_turns: bool) -> Prompt:
    """Draw a prompt."""
    aspects = tuple(random.sample(ASPECTS, ASKED))
    task = random.choice(_TASKS).format(subject=random.choice(_SUBJECTS))
    words = dict(
        zip(("one", "two", "three", "four"), aspects, strict=True), task=task, setting=random.choice(_SETTINGS)
    )
    forms = (_TWO_FIRST, _TWO_SECOND) if two_turns else (_FIRST,)
    return Prompt(tuple(form.format(**words) for form in forms), aspects)


def make_answer(random: Random, prompt: Prompt, traits: Traits) -> tuple[str, ...]:
    """Write an answer with these traits, a turn for each of the prompt's."""
    body = [_covering(random, aspect) for aspect in traits.covered]
    body += [
        f"{random.choice(_LEADS)} {random.choice(_WHO)} {random.choice(_DOES)} {random.choice(_WHEN)}."
        for _ in range(traits.beside)
    ]
    random.shuffle(body)
    tones = {1: _WARM, -1: _COLD}.get(traits.tone)
    opening = [random.choice(_REFUSALS)] if traits.refuses else []
    opening += [random.choice(tones)] if tones else []
    ending = [random.choice(tones)] if tones else []
    if len(prompt.turns) == 1:
        return (_layout(opening, body, ending, traits.listed),)
    half = (len(body) + 1) // 2
    return (_layout(opening, body[:half], [], traits.listed), _layout([], body[half:], ending, traits.listed))


def words_of(turns: tuple[str, ...]) -> int:
    """Count the words of an answer: the runs without white space that hold a letter or a digit."""
    return sum(any(map(str.isalnum, word)) for turn in turns for word in turn.split())


def _covering(random: Random, aspect: str) -> str:
    return random.choice(_COVERING).format(aspect=aspect, Aspect=aspect.capitalize())


def _layout(opening: list[str], body: list[str], ending: list[str], listed: bool) -> str:
    if not listed:
        return " ".join([*opening, *body, *ending])
    items = "\n".join(f"- {sentence}" for sentence in body)
    return "\n\n".join(part for part in (" ".join(opening), items, " ".join(ending)) if part)
