"""The files that a run leaves for whoever goes on with it or with its child."""

# Weights and metadata of the child.
SUBNET_PTH = 'subnet.pth'
# Its subnet file.
SUBNET_YAML = 'subnet.yaml'
# Has the path of the newest checkpoint.
LAST_CHECKPOINT = 'last_checkpoint'
