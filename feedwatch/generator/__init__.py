"""The generator: what is known of entries in, feeds and pages out."""
