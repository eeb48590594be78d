"""Elements and attributes of MathML that a stranger's formula may hold."""

PHANTOM = "mphantom"
TOKENS = frozenset("mi mn mo ms mtext mspace".split())
"""What holds a text or nothing: of other elements inside, browsers and the sanitiser drop all."""
MATHML_TAGS = TOKENS | frozenset(
    "math mrow mfrac msqrt mroot msub msup msubsup munder mover munderover mmultiscripts "
    f"mprescripts mtable mtr mtd mstyle mpadded menclose {PHANTOM}".split()
)
MATHML_LENGTHS = frozenset(
    "width height depth linethickness minsize maxsize lspace rspace columnspacing rowspacing".split()
)
MATHML_ATTRIBUTES = MATHML_LENGTHS | frozenset(
    "display displaystyle scriptlevel mathvariant stretchy fence form separator largeop movablelimits accent "
    "accentunder columnalign rowalign columnlines rowlines symmetric notation".split()
)
