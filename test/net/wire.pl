# A wire between two hosts with the faults of a long way: it delays, reorders, duplicates, damages and loses packets. The
# kernel's own netem does the same and is missing from many kernels; this needs /dev/net/tun only.
#
#   perl wire.pl LEFT RIGHT DELAY JITTER LOSS DUPLICATE DAMAGE
#
# LEFT and RIGHT are the names of the two TAP interfaces that it makes, DELAY and JITTER are ms, the others percent of
# packets. It writes "up" and runs until its standard input ends.
use strict;
use warnings;
use Fcntl;

my ($left, $right, $delay, $jitter, $loss, $duplicate, $damage) = @ARGV;
my ($TUNSETIFF, $IFF_TAP, $IFF_NO_PI) = (0x400454ca, 0x0002, 0x1000);

sub tap {
  my ($name) = @_;
  sysopen(my $tap, "/dev/net/tun", O_RDWR) or die "/dev/net/tun: $!\n";
  ioctl($tap, $TUNSETIFF, pack("a16 S x22", $name, $IFF_TAP | $IFF_NO_PI)) or die "TAP $name: $!\n";
  return $tap;
}

# Seconds, exact to 10 ms. Time::HiRes is missing from the smallest Perl.
open(my $uptime, "<", "/proc/uptime") or die "/proc/uptime: $!\n";
sub now {
  sysseek($uptime, 0, 0);
  sysread($uptime, my $text, 64);
  return (split " ", $text)[0];
}

my @ends = (tap($left), tap($right));
my @waiting;    # [time, end, packet], in no order: there are few

# Flips a bit of a UDP datagram of IPv4, and removes its checksum, so that the program has to notice.
sub damaged {
  my ($packet) = @_;
  my $header = 14 + 4 * (ord(substr($packet, 14, 1)) & 15);
  return $packet unless length($packet) > $header + 8;
  return $packet unless substr($packet, 12, 2) eq "\x08\x00" && substr($packet, 23, 1) eq "\x11";
  substr($packet, $header + 6, 2) = "\0\0";
  my $at = $header + 8 + int(rand(length($packet) - $header - 8));
  substr($packet, $at, 1) = chr(ord(substr($packet, $at, 1)) ^ (1 << int(rand(8))));
  return $packet;
}

# ARP and neighbour discovery only wait, so that what is tested are the datagrams of nodes.
sub is_udp {
  my ($packet) = @_;
  return substr($packet, 12, 2) eq "\x08\x00" && substr($packet, 23, 1) eq "\x11"
    || substr($packet, 12, 2) eq "\x86\xdd" && substr($packet, 20, 1) eq "\x11";
}

sub receive {
  my ($from) = @_;
  sysread($ends[$from], my $packet, 65536) or return;
  my $copies = 1;
  if (is_udp($packet)) {
    return if rand(100) < $loss;
    $copies = 2 if rand(100) < $duplicate;
    $packet = damaged($packet) if rand(100) < $damage;
  }
  for (1 .. $copies) {
    push @waiting, [now() + ($delay + $jitter * (2 * rand() - 1)) / 1000, 1 - $from, $packet];
  }
}

$| = 1;
print "up\n";
while (1) {
  my $reads = "";
  vec($reads, fileno($_), 1) = 1 for @ends, *STDIN;
  my $next;
  for (@waiting) { $next = $_->[0] if !defined $next || $_->[0] < $next }
  my $timeout = defined $next ? $next - now() : undef;
  $timeout = 0 if defined $timeout && $timeout < 0;
  select(my $ready = $reads, undef, undef, $timeout);
  for my $end (0, 1) { receive($end) if vec($ready, fileno($ends[$end]), 1) }
  exit 0 if vec($ready, fileno(STDIN), 1) && !sysread(STDIN, my $ignored, 1024);
  my $now = now();
  for (sort { $a->[0] <=> $b->[0] } grep { $_->[0] <= $now } @waiting) { syswrite($ends[$_->[1]], $_->[2]) }
  @waiting = grep { $_->[0] > $now } @waiting;
}
