"""feedwatch: archive pages and mixed feeds in, one Atom feed per category and reliable alerts out."""

__version__ = "0.1.0"
