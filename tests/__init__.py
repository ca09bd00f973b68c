"""Named as a package, because installed packages bring folders of this name."""
