-- Every evaluation of the study's runs: its channel, accuracy, clock, and joules of all devices so far.
select
    m.algorithm as scheme,
    scenario->>'$.data.partition.kind' as shares,
    (scenario->>'$.network.channel.path_loss.reference_loss_db')::double as loss_db,
    scenario->>'$.network.channel.fading.kind' as fading,
    m.seed,
    round,
    round(min(m.accuracy) filter (where client is null), 5) as accuracy,
    round(min(m.accuracy) filter (where client is not null), 4) as worst_accuracy,
    round(max(time_s), 4) as time_s,
    round(sum(m.energy_j) filter (where client is not null), 3) as devices_j
from metrics m join runs using (run)
where split = 'test'
group by all
order by all
