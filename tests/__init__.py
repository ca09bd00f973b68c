"""Named as a package, because installed packages bring folders of this name."""

# Before mmcls, which refuses newer releases of mmcv by itself.
import mmdsnas  # noqa: F401
