"""Give an application its core: configuration, database, keys, queue, and jobs."""

from flask import Flask

from webapp.core import counts, jobs, queue, rate_limits, sockets
from webapp.core.app_state import EXTENSION, AppState
from webapp.core.config import Config
from webapp.core.database import Database
from webapp.core.jobs import cleanup_job, register_jobs
from webapp.core.keys import rotation
from webapp.core.keys.columns import reseal_on_write
from webapp.core.keys.keyring import Keyring, KeyringSealer


def init_app(app: Flask, config: Config) -> None:
    """Create the application's state and its queue, and register the jobs of the core. Raises ConfigError."""
    sockets.allow_private_hosts(config.allows_private_hosts)
    database = Database(config.database_url)
    keyring = Keyring(database, config)
    reseal_on_write(database, keyring)
    app.extensions[EXTENSION] = AppState(config, database, keyring, KeyringSealer(keyring))
    app.extensions[queue.EXTENSION] = tasks = queue.TaskQueue(config.queue_url, keyring)
    tasks.attach_to(database)
    app.extensions[jobs.EXTENSION] = jobs.JobRunner(app)
    register_jobs(
        app,
        cleanup_job("delete unused rate limits", rate_limits.sweep),
        cleanup_job("delete retired keys", rotation.sweep),
        cleanup_job("add up old counts", counts.merge_old),
    )
