"""Another configuration tried on the bodies that are kept: in memory, without network, store or alerts."""
