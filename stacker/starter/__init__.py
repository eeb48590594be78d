"""The starter judge: knows something about real answers before anybody has trained anything.

`python -m stacker.starter DATA_DIR` (or `python -m pipelines.starter DATA_DIR`) makes it again; what it learns from is
said by `pipelines.battles.starter_sets`, how it does by stacker/starter/starter_judge/MODEL_CARD.md.
"""
