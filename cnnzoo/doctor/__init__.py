"""Why a loss does not fall: findings, each with its evidence and a remedy."""
