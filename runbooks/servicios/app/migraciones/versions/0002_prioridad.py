"""Cada solicitud tiene una prioridad."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.add_column(
        "solicitudes", sa.Column("prioridad", sa.Integer, nullable=False, server_default="3")
    )


def downgrade():
    op.drop_column("solicitudes", "prioridad")
