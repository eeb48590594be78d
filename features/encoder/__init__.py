"""The frozen encoder: which one is used, its tokens, its block of numbers, and the engines that run it."""
