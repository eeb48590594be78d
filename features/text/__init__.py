"""What a text is made of: words, sentences, scripts, languages."""
