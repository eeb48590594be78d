"""Phrases that mark an assistant's style, lower case, with straight apostrophes; English, Chinese and some others."""

REFUSALS = (
    "i cannot ", "i can't ", "i can not ", "i am unable to", "i'm unable to", "i am not able to", "i'm not able to",
    "i won't ", "i will not ", "cannot fulfill", "can't fulfill", "cannot assist", "can't assist", "cannot provide",
    "can't provide", "can't help with", "cannot help with", "unable to provide", "unable to assist", "i must decline",
    "i have to decline", "not appropriate", "inappropriate", "against my programming", "goes against",
    "not comfortable", "我无法", "我不能", "无法提供", "不能提供", "无法回答", "我没有能力", "无法满足",
    "お答えできません", "できません", "no puedo", "je ne peux pas", "ich kann nicht", "ich kann keine", "não posso",
    "не могу", "non posso", "할 수 없습니다",
)  # fmt: skip
APOLOGIES = (
    "sorry", "apologize", "apologise", "apologies", "my mistake", "forgive me", "regret to", "抱歉", "对不起",
    "很遗憾", "請原諒", "申し訳", "すみません", "ごめんなさい", "죄송", "lo siento", "disculpa", "désolé",
    "je m'excuse", "entschuldigung", "tut mir leid", "desculpe", "sinto muito", "извините", "к сожалению",
    "mi dispiace", "przepraszam",
)  # fmt: skip
IDENTITY = (
    "as an ai", "as a language model", "as a large language model", "as an artificial intelligence", "i'm an ai",
    "i am an ai", "i'm just an ai", "i am just an ai", "i'm a language model", "i am a language model",
    "i'm a large language model", "i am a large language model", "ai language model", "ai assistant", "i am chatgpt",
    "i'm chatgpt", "developed by openai", "trained by openai", "created by openai", "made by anthropic",
    "created by anthropic", "trained by anthropic", "i'm claude", "i am claude", "i'm vicuna", "i am vicuna",
    "i'm gpt", "i am gpt", "i'm bard", "i am bard", "i'm gemini", "i am gemini", "i'm llama", "i am llama",
    "my training data", "my knowledge cutoff", "knowledge cutoff", "my last update", "i don't have personal",
    "i do not have personal", "i don't have feelings", "i don't have access to", "作为一个ai", "作为ai",
    "作为一个人工智能", "作为人工智能", "作为一个语言模型", "作为一名ai", "语言模型", "人工智能助手", "言語モデル",
    "aiとして", "como modelo de lenguaje", "como una ia", "como uma ia", "modelo de linguagem", "en tant qu'ia",
    "modèle de langage", "als ki", "sprachmodell", "языковая модель", "как ии", "언어 모델",
)  # fmt: skip
FLATTERY = (
    "great question", "good question", "excellent question", "interesting question", "what a great",
    "what a wonderful", "fantastic question", "that's a great", "that's an excellent", "that's an interesting",
    "i'm glad you", "good point", "excellent point", "great idea", "好问题", "很好的问题", "非常好的问题",
    "buena pregunta", "bonne question", "gute frage", "ótima pergunta", "хороший вопрос", "良い質問",
)  # fmt: skip
OFFERS = (
    "let me know", "feel free to", "if you have any", "if you need", "hope this helps", "hope that helps",
    "happy to help", "would you like", "do you have any", "is there anything", "can i help", "i can help you",
    "don't hesitate", "any other questions", "any further questions", "more information", "请告诉我", "希望对你有",
    "希望这", "如果您", "如果你", "お知らせください", "espero que", "n'hésitez pas", "zögern sie nicht",
    "дайте знать", "fique à vontade",
)  # fmt: skip
HEDGES = (
    "i think", "i believe", "it seems", "it is possible", "it's possible", "it depends", "in general",
    "as far as i know", "it is important to note", "it's important to note", "it is worth noting",
    "it's worth noting", "keep in mind", "please note", "可能", "也许", "一般来说", "需要注意", "请注意", "かもしれ",
    "たぶん",
)  # fmt: skip

_KINDS = {
    1: "maybe perhaps possibly probably might may could likely unlikely generally typically usually often sometimes"
    " somewhat apparently roughly approximately arguably seems appears suggests tends",
    2: "i i'm i'd i'll i've me my mine myself we we're we've we'll us our ours",
    3: "you you're you'd you'll you've your yours yourself",
    4: "however therefore moreover furthermore additionally overall finally first firstly second secondly third"
    " lastly conclusion summary example instance because although thus hence meanwhile ultimately",
    5: "not no never none nothing neither nor cannot can't don't doesn't didn't won't isn't aren't wasn't weren't"
    " wouldn't shouldn't couldn't hasn't haven't hadn't without",
}
WORD_KINDS = {word: kind for kind, words in _KINDS.items() for word in words.split()}
"""Kind of a word: 1 hedge, 2 first person, 3 second person, 4 connective, 5 negation; a word not here is of kind 0."""


def plain(text: str) -> str:
    """Return a text in lower case with straight apostrophes, as the phrases are written."""
    lowered = text.lower()
    return lowered if lowered.isascii() else lowered.replace("’", "'").replace("ʼ", "'")
