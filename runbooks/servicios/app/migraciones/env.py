import sys
from pathlib import Path

from alembic import context

sys.path.insert(0, str(Path(__file__).parent.parent))
from modelo import Base, motor

with motor().connect() as conexion:
    context.configure(connection=conexion, target_metadata=Base.metadata)
    with context.begin_transaction():
        context.run_migrations()
