"""What a prompt asks for, told by plain rules: code, mathematics, rewriting, writing, a question, or something else."""

import re

KINDS = ("code", "mathematics", "rewriting", "writing", "question", "other")
"""In the order in which they are looked for; the first that fits is taken."""
_HEAD = 4000
"""Characters that are looked at."""

_RULES = {
    "code": re.compile(
        r"```|\b(?:def |class \w+[:({]|import \w|#include|console\.log|SELECT\b.+\bFROM\b|public static|printf\()"
        r"|\b(?:python|javascript|typescript|c\+\+|c#|golang|rust|sql|html|css|bash|regex|source code|unit tests?|"
        r"stack trace|code|coding|program(?:ming)?|api|debug|compiler?)\b|代码|代碼|程序|程式|函数|函數|编程|編程",
        re.IGNORECASE,
    ),
    "mathematics": re.compile(
        r"\\(?:frac|sum|int|sqrt|begin\{|lim)|\$[^$\n]{1,80}[=^_\\][^$\n]{0,80}\$|\d\s*[-+*/×÷^=]\s*[\dx(]"
        r"|\b(?:equations?|integrals?|derivatives?|theorem|prove that|probability|calculate|compute|algebra|matrix|"
        r"geometry|how many|what is the (?:sum|product|square root))\b|方程|计算|計算|证明|證明|概率|積分|积分",
        re.IGNORECASE,
    ),
    "rewriting": re.compile(
        r"\b(?:translat\w+|rewrite|rephrase|paraphrase|summari[sz]\w+|summary|proofread|correct the|"
        r"improve (?:this|the)|shorten|simplify|convert)\b|翻译|翻譯|改写|改寫|总结|總結|摘要|润色|潤色|繁體|简体",
        re.IGNORECASE,
    ),
    "writing": re.compile(
        r"\b(?:write|compose|draft|poem|story|essay|e-?mail|letter|script|lyrics|song|article|blog|speech|dialogue|"
        r"role-?play|brainstorm|slogan|imagine)\b|写|寫|创作|創作|故事|诗|詩|作文|角色",
        re.IGNORECASE,
    ),
    "question": re.compile(
        r"[?？]\s*$|^\W*(?:who|whom|whose|what|when|where|why|which|how|is|are|was|were|do|does|did|can|could|should|"
        r"would|will|explain|tell me|describe|list|give)\b"
        r"|什么|什麼|为什么|為什麼|怎么|怎麼|如何|哪|吗|嗎|谁|誰|か\s*。?$",
        re.IGNORECASE,
    ),
}


def prompt_kind(turns: tuple[str, ...]) -> str:
    """Return one of `KINDS` for the first turn of a prompt."""
    text = turns[0][:_HEAD].strip() if turns else ""
    return next((kind for kind, rule in _RULES.items() if rule.search(text)), "other")
