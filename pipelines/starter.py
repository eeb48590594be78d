"""`python -m pipelines.starter DATA_DIR`, another name of the command `python -m stacker.starter`.

It is an alias for the command line and no part of this package: nothing imports it, and nothing else here knows the
packages that build on this one. What the starter judge is trained on is `pipelines.battles.starter_sets`.
"""

if __name__ == "__main__":
    from stacker.starter.__main__ import main

    main()
